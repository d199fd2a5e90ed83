"""The life of an invoice: drafted, finalized, paid, voided or given up.

https://docs.stripe.com/invoicing/integration/workflow-transitions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import SandboxError
from ..periods import DAY, HOUR
from ..state import StripeObject
from . import (
    billables,
    customer_balances,
    invoice_discounts,
    invoice_items,
    invoice_object,
    invoice_payments,
    metered_lines,
)
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine

UPDATED = "invoice.updated"
DRAFT_SECONDS = HOUR
"""How long an automatic invoice stays a draft."""


def draft(
    engine: Engine,
    customer: StripeObject,
    content: Sequence[Billable],
    *,
    reason: str,
    currency: str,
    subscription: StripeObject | None = None,
    period: tuple[int, int] | None = None,
    pending: Sequence[StripeObject] = (),
    discounts: Sequence[StripeObject] | None = None,
) -> StripeObject:
    """A new draft of pending invoice items and further content; `reason`: its billing_reason.

    `discounts` are those that are due unless they are given.
    """
    taken = [billables.of_invoice_item(engine, entry) for entry in pending]
    invoice = invoice_object.build(
        engine,
        customer,
        [*taken, *content],
        reason=reason,
        subscription=subscription,
        currency=currency,
        discounts=discounts,
    )
    if period is not None:
        invoice["period_start"], invoice["period_end"] = period
    engine.state.add(invoice)
    invoice_items.take_up(engine, pending, invoice["id"])
    if subscription is not None:
        subscription["latest_invoice"] = invoice["id"]
        engine.state.notes[subscription["id"]].setdefault("invoices", []).append(invoice["id"])
    invoice_discounts.use_up(engine, invoice)
    engine.emit("invoice.created", invoice)
    return invoice


def finalize(engine: Engine, invoice: StripeObject, *, paid_by: StripeObject | None = None) -> None:
    """A draft becomes open: it has a number and can be paid; with nothing to pay it is paid.

    `paid_by`: the payment intent that has paid for it before, in a checkout.
    """
    customer = engine.state.get("customer", invoice["customer"], param="customer", status=400)
    notes = engine.state.notes[invoice["id"]]
    with engine.changing(invoice, UPDATED):
        metered_lines.count_again(engine, invoice)
        invoice_discounts.apply_again(engine, invoice)
        invoice_object.add_up(engine, invoice, balance=0 if paid_by else customer["balance"])
        if paid_by is None:
            customer_balances.apply_to_invoice(engine, invoice)
        invoice["status"] = "open"
        invoice["effective_at"] = invoice["effective_at"] or engine.now
        invoice["status_transitions"]["finalized_at"] = engine.now
        invoice["automatically_finalizes_at"] = None
        if invoice["number"] is None:
            sequence = customer["next_invoice_sequence"]
            invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04}"
            customer["next_invoice_sequence"] = sequence + 1
        notes["secret"] = engine.state.new_id("", length=40)
        url = f"{engine.base_url}/i/{notes['secret']}"
        invoice["hosted_invoice_url"], invoice["invoice_pdf"] = url, f"{url}/pdf"
        if invoice["collection_method"] == "send_invoice":
            days = notes.get("days_until_due")
            if invoice["due_date"] is None:
                invoice["due_date"] = engine.now + (30 if days is None else days) * DAY
    engine.emit("invoice.finalized", invoice)
    if invoice["amount_due"]:
        invoice_payments.open_for(engine, invoice, intent=paid_by)
    if paid_by is not None or not invoice["amount_due"]:
        mark_paid(engine, invoice)


def mark_paid(
    engine: Engine, invoice: StripeObject, *, attempts: int = 0, is_out_of_band: bool = False
) -> None:
    """Nothing is left to pay."""
    with engine.changing(invoice, UPDATED):
        invoice["attempted"] = not is_out_of_band
        invoice["attempt_count"] += attempts
        invoice["status"] = "paid"
        invoice["amount_paid"], invoice["amount_remaining"] = invoice["amount_due"], 0
        invoice["status_transitions"]["paid_at"] = engine.now
        invoice["next_payment_attempt"] = invoice["status_details"] = None
    amount = None if is_out_of_band else invoice["amount_paid"]
    invoice_payments.close(engine, invoice, amount_paid=amount)
    engine.emit("invoice.paid", invoice)
    if not is_out_of_band:
        engine.emit("invoice.payment_succeeded", invoice)
    mark_customer(engine, invoice, is_delinquent=False)


def mark_customer(engine: Engine, invoice: StripeObject, *, is_delinquent: bool) -> None:
    """Whether the latest that became of an invoice of this customer's was a failure."""
    customer = engine.state.objects.get(invoice["customer"])
    if customer is not None:
        with engine.changing(customer, "customer.updated"):
            customer["delinquent"] = is_delinquent


def void(engine: Engine, invoice: StripeObject) -> None:
    """An open or uncollectible invoice counts as never made."""
    if invoice["status"] not in {"open", "uncollectible"}:
        raise SandboxError(
            f"You can only void an open or uncollectible invoice; this one is {invoice['status']}."
        )
    with engine.changing(invoice, UPDATED):
        invoice["status"] = "void"
        invoice["status_transitions"]["voided_at"] = engine.now
        invoice["next_payment_attempt"] = invoice["status_details"] = None
        invoice["auto_advance"] = False
    customer_balances.take_back_from_invoice(engine, invoice)
    invoice_payments.close(engine, invoice, amount_paid=None)
    engine.emit("invoice.voided", invoice)


def mark_uncollectible(engine: Engine, invoice: StripeObject, *, reason: str) -> None:
    """An open invoice will not be paid; `reason` as in its status_details."""
    if invoice["status"] != "open":
        raise SandboxError(
            f"You can only mark an open invoice uncollectible; this one is {invoice['status']}."
        )
    with engine.changing(invoice, UPDATED):
        invoice["status"] = "uncollectible"
        invoice["status_details"] = {"uncollectible": {"reason": reason}}
        invoice["status_transitions"]["marked_uncollectible_at"] = engine.now
        invoice["next_payment_attempt"] = None
    engine.emit("invoice.marked_uncollectible", invoice)
    if reason == "user_forgiven":
        mark_customer(engine, invoice, is_delinquent=False)


def stop(engine: Engine, invoice: StripeObject) -> None:
    """Nothing happens to a draft or an open invoice by itself any more."""
    if invoice["status"] in {"draft", "open"}:
        with engine.changing(invoice, UPDATED):
            invoice["auto_advance"] = False
            invoice["next_payment_attempt"] = invoice["automatically_finalizes_at"] = None


def payer(engine: Engine, owner: StripeObject) -> str | None:
    """The payment method that a subscription or an invoice is charged to."""
    if owner["default_payment_method"]:
        return str(owner["default_payment_method"])
    subscription_id = owner["object"] == "invoice" and invoice_object.subscription_of(owner)
    if subscription_id:
        return payer(engine, engine.state.objects[subscription_id])
    customer = engine.state.objects.get(owner["customer"])
    found = customer and (
        customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
    )
    return str(found) if found else None
