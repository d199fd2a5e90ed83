"""Refunds. https://docs.stripe.com/api/refunds"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..periods import MINUTE
from ..routes import Call, Operation
from ..state import StripeObject
from . import balance_transactions, payment_methods
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

DECIDED_AFTER = 3 * MINUTE
"""When a refund that is pending, or that fails later, is decided."""

CHARGED_BACK = {"needs_response", "under_review", "lost"}
"""Dispute statuses in which the bank has the money already."""


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    return refund(engine, _charge(engine, params), params)


def _charge(engine: Engine, params: dict[str, Any]) -> StripeObject:
    state = engine.state
    if params.get("charge"):
        found = state.get("charge", params["charge"], param="charge", status=400)
        if params.get("payment_intent") not in {None, found["payment_intent"]}:
            raise SandboxError("The charge is not the payment intent's.", param="payment_intent")
        return found
    if not params.get("payment_intent"):
        raise SandboxError(
            "One of the following params should be provided for this request: payment_intent or"
            " charge.",
            code="parameter_missing",
        )
    intent = state.get(
        "payment_intent",
        params["payment_intent"],
        param="payment_intent",
        status=400,
        called="payment_intent",
    )
    if intent["status"] != "succeeded":
        raise SandboxError(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return state.objects[intent["latest_charge"]]


def refund(engine: Engine, charge: StripeObject, params: dict[str, Any]) -> StripeObject:
    """Give back a charge's money, all that is left or `amount` of it. Raises SandboxError."""
    amount = _amount(engine, charge, params.get("amount"))
    card = payment_methods.card_of(engine, charge["payment_method"])
    begins_as = "pending" if card is not None and card.refund == "pending" else "succeeded"
    created = engine.state.add(
        {
            "id": engine.state.new_id("re_", length=24),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": engine.now,
            "currency": charge["currency"],
            "customer": charge["customer"],
            "customer_account": None,
            "destination_details": {"card": {"type": "refund"}, "type": "card"}
            if card is not None
            else {"sepa_debit": {}, "type": "sepa_debit"},
            "metadata": merged({}, params.get("metadata", {})),
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": begins_as,
            "transfer_reversal": None,
        }
    )
    created["balance_transaction"] = balance_transactions.add(
        engine, amount=-amount, currency=charge["currency"], source=created["id"], kind="refund"
    )["id"]
    with engine.changing(charge, "charge.refunded"):
        _count(charge, amount)
    engine.emit("refund.created", created)
    if card is not None and card.refund != "succeeded":
        decide = partial(_decide, engine, created["id"], ends_as=_END[card.refund])
        engine.state.at(engine.now + DECIDED_AFTER, decide, about=charge["id"])
    return created


_END = {"pending": "succeeded", "failed": "failed"}


def _amount(engine: Engine, charge: StripeObject, wanted: int | None) -> int:
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise SandboxError(f"Charge {charge['id']} has not been captured: nothing to refund.")
    if charge["refunded"]:
        raise SandboxError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    dispute = engine.state.objects.get(engine.state.notes[charge["id"]].get("dispute", ""))
    if dispute is not None and dispute["status"] in CHARGED_BACK:
        raise SandboxError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    left = int(charge["amount"]) - int(charge["amount_refunded"])
    if wanted is None:
        return left
    if wanted < 1:
        raise SandboxError("Invalid positive integer", param="amount")
    if wanted > left:
        named = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        raise SandboxError(
            f"Refund amount ({_money(wanted, charge)}) is greater than {named}"
            f" ({_money(left, charge)})",
            param="amount",
        )
    return wanted


def _money(amount: int, charge: StripeObject) -> str:
    return f"{amount} {charge['currency']}"


def _count(charge: StripeObject, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= charge["amount"]


def _decide(engine: Engine, refund_id: str, *, ends_as: str) -> None:
    """A pending refund arrives; one that seemed to arrive comes back."""
    found = engine.state.objects[refund_id]
    if found["status"] in {"canceled", "failed"} or found["status"] == ends_as:
        return
    if ends_as == "succeeded":
        _change(engine, found, status="succeeded")
        return
    _take_back(engine, found, status="failed", reason="unknown")
    engine.emit("refund.failed", found)


def _take_back(engine: Engine, found: StripeObject, *, status: str, reason: str) -> None:
    charge = engine.state.objects[found["charge"]]
    _count(charge, -found["amount"])
    found["failure_reason"] = reason
    found["failure_balance_transaction"] = balance_transactions.add(
        engine,
        amount=found["amount"],
        currency=found["currency"],
        source=found["id"],
        kind="refund_failure",
    )["id"]
    _change(engine, found, status=status)


def _change(engine: Engine, found: StripeObject, **values: Any) -> None:
    """Change a refund, and tell it twice, as Stripe does."""
    before = {name: found.get(name) for name in values}
    found.update(values)
    for event_type in ("charge.refund.updated", "refund.updated"):
        engine.emit(event_type, found, previous=before)


def release(engine: Engine, charge: StripeObject) -> None:
    """Let go of an authorisation that was never captured: told as a refund, as Stripe does."""
    with engine.changing(charge, "charge.refunded"):
        charge["amount_refunded"], charge["refunded"] = charge["amount"], True


def update(call: Call) -> StripeObject:
    found = retrieve(call)
    before = {"metadata": dict(found["metadata"])}
    take(found, call.params)
    if found["metadata"] != before["metadata"]:
        for event_type in ("charge.refund.updated", "refund.updated"):
            call.engine.emit(event_type, found, previous=before)
    return found


def cancel(call: Call) -> StripeObject:
    found = retrieve(call)
    if found["status"] != "pending":
        raise SandboxError(
            f"You cannot cancel this refund: its status is {found['status']}, and only pending"
            " ones can be canceled."
        )
    _take_back(call.engine, found, status="canceled", reason="merchant_request")
    return found


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("refund", call.ids[0])


def index(call: Call) -> StripeObject:
    rows = (
        found
        for found in call.engine.state.all("refund")
        if equal(call.params, found, "charge", "payment_intent")
        and created_in(call.params, "created", found["created"])
    )
    return paginate(rows, call.params, url="/v1/refunds")


def of_charge(engine: Engine, charge: StripeObject) -> StripeObject:
    """The list that a charge shows when `refunds` is expanded."""
    rows = (found for found in engine.state.all("refund") if found["charge"] == charge["id"])
    return paginate(rows, {}, url=f"/v1/charges/{charge['id']}/refunds")


def list_of_charge(call: Call) -> StripeObject:
    charge = call.engine.state.get("charge", call.ids[0])
    rows = (found for found in call.engine.state.all("refund") if found["charge"] == charge["id"])
    return paginate(rows, call.params, url=f"/v1/charges/{charge['id']}/refunds")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/refunds": index,
    "POST /v1/refunds": create,
    "GET /v1/refunds/{id}": retrieve,
    "POST /v1/refunds/{id}": update,
    "POST /v1/refunds/{id}/cancel": cancel,
    "GET /v1/charges/{id}/refunds": list_of_charge,
}
