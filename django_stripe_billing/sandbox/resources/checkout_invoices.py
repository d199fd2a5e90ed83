"""The invoice of a one-off checkout. https://docs.stripe.com/payments/checkout/receipts#paid-invoices"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..state import StripeObject
from . import checkout_lines, invoices, price_currencies
from .billables import Billable
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine

DATA = ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")


def wanted(params: dict[str, Any], mode: str) -> StripeObject | None:
    """A session's `invoice_creation`."""
    if mode != "payment":
        return None
    given = params.get("invoice_creation") or {}
    data = given.get("invoice_data") or {}
    return {
        "enabled": bool(given.get("enabled")),
        "invoice_data": {
            **{name: data.get(name) for name in DATA},
            "metadata": merged({}, data.get("metadata") or {}),
        },
    }


def add(engine: Engine, session: StripeObject) -> None:
    """Where the session asks for one: an invoice of what it sold, which its payment has paid."""
    if not session["invoice_creation"]["enabled"]:
        return
    state, notes = engine.state, engine.state.notes[session["id"]]
    discount = notes.get("redeemed")
    invoice = invoices.draft(
        engine,
        state.objects[session["customer"]],
        [_billable(engine, line) for line in notes["lines"]],
        reason="manual",
        currency=session["currency"],
        discounts=[] if discount is None else [discount],
    )
    data = session["invoice_creation"]["invoice_data"]
    invoice["auto_advance"] = False
    invoice["metadata"] = dict(data["metadata"])
    for name in ("custom_fields", "description", "footer"):
        invoice[name] = data[name]
    session["invoice"] = invoice["id"]
    intent = state.objects.get(session["payment_intent"] or "")
    invoices.finalize(engine, invoice, paid_by=intent)


def _billable(engine: Engine, line: StripeObject) -> Billable:
    return Billable(
        amount=line["amount_subtotal"],
        currency=line["currency"],
        description=line["description"],
        start=engine.now,
        end=engine.now,
        quantity=line["quantity"],
        price=price_currencies.of(engine, line["price"], line["currency"]),
        tax_rates=checkout_lines.rates_of(engine, line),
    )
