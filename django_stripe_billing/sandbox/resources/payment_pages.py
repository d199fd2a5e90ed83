"""The private API behind Checkout's page, as far as the command line tool uses it."""

from __future__ import annotations

from ..errors import SandboxError
from ..routes import Call, Operation
from ..state import StripeObject
from . import checkout_completion


def retrieve(call: Call) -> StripeObject:
    session = call.engine.state.get("checkout.session", call.ids[0], called="payment_page")
    return {
        "id": "ppage_" + session["id"].removeprefix("cs_test_")[:24],
        "object": "checkout.session",
        "session_id": session["id"],
        "amount_total": session["amount_total"],
        "currency": session["currency"],
        "mode": session["mode"],
        "status": session["status"],
        "livemode": False,
    }


def confirm(call: Call) -> StripeObject:
    session = call.engine.state.get("checkout.session", call.ids[0], called="payment_page")
    expected = str(call.params.get("expected_amount", session["amount_total"]))
    if expected != str(session["amount_total"]):
        raise SandboxError(
            "The expected amount is not the session's total.",
            code="checkout_amount_mismatch",
            param="expected_amount",
        )
    checkout_completion.complete(
        call.engine, session["id"], payment_method=call.params.get("payment_method", "")
    )
    return retrieve(call)


OPERATIONS: dict[str, Operation] = {
    "GET /v1/payment_pages/{id}": retrieve,
    "POST /v1/payment_pages/{id}/confirm": confirm,
}
