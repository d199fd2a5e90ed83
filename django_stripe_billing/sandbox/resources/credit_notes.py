"""Credit notes: less is owed for an invoice, or is given back. https://docs.stripe.com/api/credit_notes"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import customer_balances, dunning, invoice_payments, invoices, refunds
from .credit_note_object import KIND, build
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine

GIVEN_BACK = ("credit_amount", "out_of_band_amount", "refund_amount")
"""Where the money of a paid invoice may go."""


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    invoice, note = _planned(call)
    if note["type"] == "pre_payment":
        _reduce(engine, invoice, note["total"])
    engine.state.add(note)
    if note["type"] == "post_payment":
        _give_back(engine, invoice, note, params)
    engine.emit("credit_note.created", note)
    dunning.follow(engine, invoice)
    return note


def _planned(call: Call) -> tuple[StripeObject, StripeObject]:
    engine, params = call.engine, call.params
    invoice = engine.state.get("invoice", params["invoice"], param="invoice", status=400)
    if invoice["status"] not in {"open", "paid"}:
        raise SandboxError(
            f"You can only create credit notes for open or paid invoices; this one is"
            f" {invoice['status']}.",
            param="invoice",
        )
    note = build(engine, invoice, params)
    is_paid = invoice["status"] == "paid"
    most = invoice["amount_remaining"]
    if is_paid:
        most = invoice["total"] - invoice["pre_payment_credit_notes_amount"]
        most -= invoice["post_payment_credit_notes_amount"]
    if not 0 < note["total"] <= most:
        raise SandboxError(
            f"The sum of credit notes is between 1 and what is left of the invoice, {most}.",
            param="amount",
        )
    given = [params[name] for name in GIVEN_BACK if name in params]
    given += [entry.get("amount_refunded", 0) for entry in params.get("refunds") or []]
    if is_paid and sum(given) != note["total"]:
        raise SandboxError(
            "The sum of credit_amount, refund_amount, refunds and out_of_band_amount must equal the"
            f" credit note's total, {note['total']}.",
        )
    if params.get("refund_amount") and is_paid:
        _charge(engine, invoice)
    if given and not is_paid:
        raise SandboxError("Nothing was paid yet that could be given back.", param="invoice")
    return invoice, note


def _reduce(engine: Engine, invoice: StripeObject, amount: int) -> None:
    """An open invoice costs less; when nothing is left it is paid."""
    with engine.changing(invoice, invoices.UPDATED):
        invoice["pre_payment_credit_notes_amount"] += amount
        invoice["amount_due"] -= amount
        invoice["amount_remaining"] -= amount
    intent = invoice_payments.intent_of(engine, invoice)
    if invoice["amount_remaining"]:
        if intent is not None:
            intent["amount"] = invoice["amount_remaining"]
        return
    invoice_payments.close(engine, invoice, amount_paid=None)
    invoices.mark_paid(engine, invoice)


def _give_back(
    engine: Engine, invoice: StripeObject, note: StripeObject, params: dict[str, Any]
) -> None:
    with engine.changing(invoice, invoices.UPDATED):
        invoice["post_payment_credit_notes_amount"] += note["total"]
    if params.get("credit_amount"):
        customer = engine.state.get("customer", invoice["customer"], status=400)
        with engine.changing(customer, "customer.updated"):
            row = customer_balances.record(
                engine,
                customer,
                -params["credit_amount"],
                currency=invoice["currency"],
                kind="credit_note",
                invoice_id=invoice["id"],
            )
        row["credit_note"] = note["id"]
        note["customer_balance_transaction"] = row["id"]
    for entry in params.get("refunds") or []:
        made = engine.state.get("refund", entry.get("refund", ""), param="refunds", status=400)
        note["refunds"] += [_refunded(made["id"], entry.get("amount_refunded", made["amount"]))]
    if params.get("refund_amount"):
        charge = _charge(engine, invoice)
        made = refunds.refund(engine, charge, {"amount": params["refund_amount"]})
        note["refunds"] += [_refunded(made["id"], made["amount"])]


def _charge(engine: Engine, invoice: StripeObject) -> StripeObject:
    intent = invoice_payments.intent_of(engine, invoice)
    if intent is None or intent["latest_charge"] is None:
        raise SandboxError("The invoice has no charge to refund.", param="refund_amount")
    return engine.state.objects[intent["latest_charge"]]


def _refunded(refund_id: str, amount: int) -> StripeObject:
    return {
        "amount_refunded": amount,
        "payment_record_refund": None,
        "refund": refund_id,
        "type": "refund",
    }


def preview(call: Call) -> StripeObject:
    return _planned(call)[1]


def update(call: Call) -> StripeObject:
    note = retrieve(call)
    with call.engine.changing(note, "credit_note.updated"):
        take(note, call.params, "memo")
    return note


def void(call: Call) -> StripeObject:
    """Only one of an invoice that is still open; the amount is owed again."""
    engine, note = call.engine, retrieve(call)
    invoice = engine.state.objects[note["invoice"]]
    if note["status"] == "void" or invoice["status"] != "open":
        raise SandboxError("You can only void a credit note of an open invoice, and once.")
    _reduce(engine, invoice, -note["total"])
    note["status"], note["voided_at"] = "void", engine.now
    engine.emit("credit_note.voided", note)
    return note


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get(KIND, call.ids[0])


def lines(call: Call) -> StripeObject:
    note = retrieve(call)
    return paginate(note["lines"]["data"], call.params, url=note["lines"]["url"])


def index(call: Call) -> StripeObject:
    rows = (
        note
        for note in call.engine.state.all(KIND)
        if equal(call.params, note, "customer", "invoice")
        and created_in(call.params, "created", note["created"])
    )
    return paginate(rows, call.params, url="/v1/credit_notes")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/credit_notes": index,
    "POST /v1/credit_notes": create,
    "GET /v1/credit_notes/preview": preview,
    "GET /v1/credit_notes/{id}": retrieve,
    "POST /v1/credit_notes/{id}": update,
    "GET /v1/credit_notes/{id}/lines": lines,
    "POST /v1/credit_notes/{id}/void": void,
}
