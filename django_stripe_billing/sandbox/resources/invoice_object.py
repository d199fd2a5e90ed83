"""An invoice as Stripe shows it. https://docs.stripe.com/api/invoices/object"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..state import StripeObject
from . import billables, invoice_discounts, tax_ids, tax_rates
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine

NO_TAX = {
    "disabled_reason": None,
    "enabled": False,
    "liability": None,
    "provider": None,
    "status": None,
}


def build(
    engine: Engine,
    customer: StripeObject,
    content: Sequence[Billable],
    *,
    reason: str,
    subscription: StripeObject | None,
    currency: str,
    is_kept: bool = True,
    discounts: Sequence[StripeObject] | None = None,
) -> StripeObject:
    """A draft with its lines and sums; `is_kept` is False for a preview.

    `discounts` are those that are due unless they are given.
    """
    now = engine.now
    if discounts is None:
        discounts = invoice_discounts.due(engine, customer, subscription, at=now)
    invoice_id = engine.state.new_id("in_" if is_kept else "upcoming_in_", length=24)
    payer = subscription or {}
    invoice: StripeObject = {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Sandbox",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": dict(NO_TAX),
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": payer.get("collection_method", "charge_automatically"),
        "created": now,
        "currency": currency,
        "custom_fields": customer["invoice_settings"]["custom_fields"],
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": tax_ids.for_invoice(engine, customer),
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": list(payer.get("default_tax_rates", [])),
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": customer["invoice_settings"]["footer"],
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": payer.get("on_behalf_of"),
        "parent": None if subscription is None else _parent(subscription),
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_details": None,
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": engine.state.clock,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": now,
    }
    add_lines(engine, invoice, content, is_kept=is_kept)
    invoice_discounts.apply(engine, invoice, discounts)
    add_up(engine, invoice, balance=customer["balance"])
    return invoice


def _parent(subscription: StripeObject) -> StripeObject:
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }


def subscription_of(invoice: StripeObject) -> str | None:
    """The id of the subscription that an invoice belongs to."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found


def add_lines(
    engine: Engine, invoice: StripeObject, content: Sequence[Billable], *, is_kept: bool = True
) -> None:
    """Put lines on a draft; `add_up` must follow."""
    invoice["lines"]["data"] += [
        billables.line(engine, entry, invoice_id=invoice["id"], is_kept=is_kept)
        for entry in content
    ]


def add_up(engine: Engine, invoice: StripeObject, *, balance: int) -> None:
    """Make the sums from the lines. `balance` is the customer's: negative is credit to use up."""
    lines = invoice["lines"]["data"]
    taken: dict[str, int] = {}
    for line in lines:
        for entry in line["discount_amounts"]:
            taken[entry["discount"]] = taken.get(entry["discount"], 0) + entry["amount"]
        line["taxes"] = tax_rates.of_line(engine, invoice, line)
    taxes = tax_rates.total(lines)
    by_behavior = {"inclusive": 0, "exclusive": 0}
    for entry in taxes:
        by_behavior[entry["tax_behavior"]] += entry["amount"]
    subtotal = sum(line["amount"] for line in lines)
    net = subtotal - sum(taken.values()) - by_behavior["inclusive"]
    total = net + sum(by_behavior.values())
    due = max(0, total + balance)
    invoice.update(
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - by_behavior["inclusive"],
        total_discount_amounts=[
            {"amount": amount, "discount": discount} for discount, amount in taken.items()
        ],
        total=total,
        total_excluding_tax=net,
        total_taxes=taxes,
        starting_balance=balance,
        amount_due=due,
        amount_remaining=due - invoice["amount_paid"],
    )
