"""Which payments were made towards an invoice. https://docs.stripe.com/api/invoice-payment"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import payment_intents, splits

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "invoice_payment"


def open_for(engine: Engine, invoice: StripeObject, *, intent: StripeObject | None = None) -> None:
    """An invoice has become due: its payment intent is made, unless there is one already."""
    if intent is None:
        intent = _add_intent(engine, invoice)
    payment = engine.state.add(
        {
            "id": engine.state.new_id("inpay_", length=24),
            "object": KIND,
            "amount_paid": None,
            "amount_requested": invoice["amount_remaining"],
            "created": engine.now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    engine.state.notes[invoice["id"]].setdefault("payments", []).append(payment["id"])


def _add_intent(engine: Engine, invoice: StripeObject) -> StripeObject:
    values: StripeObject = {
        "amount": invoice["amount_remaining"],
        "currency": invoice["currency"],
        "customer": invoice["customer"],
    }
    values |= splits.of_invoice(engine, invoice)
    if invoice["parent"] is not None:
        values["setup_future_usage"] = "off_session"
    intent = payment_intents.add(engine, values)
    engine.state.notes[intent["id"]].update(
        then=partial(engine.payment_decided, invoice["id"]), is_of_invoice=True
    )
    return intent


def default_of(engine: Engine, invoice: StripeObject) -> StripeObject | None:
    """The payment that is tried first."""
    ids = engine.state.notes[invoice["id"]].get("payments", [])
    return engine.state.objects[ids[0]] if ids else None


def intent_of(engine: Engine, invoice: StripeObject) -> StripeObject | None:
    """The payment intent that collects an invoice."""
    payment = default_of(engine, invoice)
    return None if payment is None else engine.state.objects[payment["payment"]["payment_intent"]]


def confirmation_secret(engine: Engine, invoice: StripeObject) -> StripeObject | None:
    """What an invoice shows when `confirmation_secret` is expanded: a client confirms with it."""
    intent = intent_of(engine, invoice)
    if intent is None:
        return None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}


def close(engine: Engine, invoice: StripeObject, *, amount_paid: int | None) -> None:
    """The payment was made, or (None) will not be made any more."""
    payment = default_of(engine, invoice)
    if payment is None or payment["status"] != "open":
        return
    if amount_paid is None:
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = engine.now
        intent = engine.state.objects[payment["payment"]["payment_intent"]]
        is_void = invoice["status"] == "void"
        payment_intents.abandon(engine, intent, reason="void_invoice" if is_void else None)
        return
    payment["status"], payment["amount_paid"] = "paid", amount_paid
    payment["status_transitions"]["paid_at"] = engine.now
    engine.emit("invoice_payment.paid", payment)


def of_invoice(engine: Engine, invoice: StripeObject) -> StripeObject:
    """The list that an invoice shows when `payments` is expanded."""
    ids = engine.state.notes[invoice["id"]].get("payments", [])
    rows = [engine.state.objects[payment_id] for payment_id in reversed(ids)]
    return paginate(rows, {}, url=f"/v1/invoices/{invoice['id']}/payments")


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get(KIND, call.ids[0])


def index(call: Call) -> StripeObject:
    wanted = call.params.get("payment") or {}
    rows = (
        payment
        for payment in call.engine.state.all(KIND)
        if equal(call.params, payment, "invoice", "status")
        and created_in(call.params, "created", payment["created"])
        and equal(wanted, payment["payment"], *wanted)
    )
    return paginate(rows, call.params, url="/v1/invoice_payments")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/invoice_payments": index,
    "GET /v1/invoice_payments/{id}": retrieve,
}
