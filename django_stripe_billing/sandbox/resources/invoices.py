"""Invoices of subscriptions: made, finalized and paid at once, without prorations.

https://docs.stripe.com/api/invoices
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import discounts, payment_intents

if TYPE_CHECKING:
    from ..engine import Engine


def bill(engine: Engine, subscription: StripeObject, *, reason: str, is_free: bool = False) -> bool:
    """Invoice the current period and try to collect; whether nothing is left to pay.

    `reason` is the invoice's billing_reason; `is_free` for a trial.
    """
    customer = engine.state.objects[subscription["customer"]]
    invoice = _build(engine, subscription, customer, reason=reason, is_free=is_free)
    discounts.apply_to_invoice(engine, invoice, subscription)
    engine.state.add(invoice)
    customer["next_invoice_sequence"] += 1
    subscription["latest_invoice"] = invoice["id"]
    engine.emit("invoice.created", invoice)
    if subscription["pause_collection"] is not None:
        return True
    with engine.changing(invoice, "invoice.updated"):
        invoice["status"] = "open"
        invoice["effective_at"] = invoice["status_transitions"]["finalized_at"] = engine.now
        invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04}"
        invoice["hosted_invoice_url"] = f"{engine.base_url}/i/{invoice['id']}"
    engine.emit("invoice.finalized", invoice)
    if subscription["collection_method"] == "send_invoice" and invoice["amount_due"]:
        return True
    return collect(engine, invoice, method_id=payer(engine, subscription))


def collect(engine: Engine, invoice: StripeObject, *, method_id: str | None) -> bool:
    """Try to charge an open invoice; whether it is paid now."""
    is_paid = invoice["amount_due"] == 0 or _charge(engine, invoice, method_id)
    with engine.changing(invoice, "invoice.updated"):
        invoice["attempted"] = True
        if invoice["amount_due"]:
            invoice["attempt_count"] += 1
        if is_paid:
            invoice["status"] = "paid"
            invoice["amount_paid"], invoice["amount_remaining"] = invoice["amount_due"], 0
            invoice["status_transitions"]["paid_at"] = engine.now
            invoice["next_payment_attempt"] = None
    for event_type in (
        ("invoice.paid", "invoice.payment_succeeded") if is_paid else ("invoice.payment_failed",)
    ):
        engine.emit(event_type, invoice)
    return is_paid


def _charge(engine: Engine, invoice: StripeObject, method_id: str | None) -> bool:
    notes = engine.state.notes[invoice["id"]]
    outcome = payment_intents.charge(
        engine,
        customer_id=invoice["customer"],
        method_id=method_id,
        amount=invoice["amount_remaining"],
        currency=invoice["currency"],
        intent=engine.state.objects.get(notes.get("payment_intent", "")),
    )
    notes["payment_intent"] = outcome.intent["id"]
    return outcome.status == "succeeded"


def void(engine: Engine, invoice: StripeObject) -> None:
    """Void an open invoice."""
    if invoice["status"] != "open":
        return
    with engine.changing(invoice, "invoice.updated"):
        invoice["status"] = "void"
        invoice["status_transitions"]["voided_at"] = engine.now
    engine.emit("invoice.voided", invoice)


def payer(engine: Engine, subscription: StripeObject) -> str | None:
    """The payment method that a subscription is charged to."""
    if subscription["default_payment_method"]:
        return str(subscription["default_payment_method"])
    customer = engine.state.objects.get(subscription["customer"])
    found = customer and (
        customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
    )
    return str(found) if found else None


def _build(
    engine: Engine,
    subscription: StripeObject,
    customer: StripeObject,
    *,
    reason: str,
    is_free: bool,
) -> StripeObject:
    state, now = engine.state, engine.now
    invoice_id = state.new_id("in_", length=24)
    lines = [
        _line(engine, invoice_id, subscription, item, is_free=is_free)
        for item in subscription["items"]["data"]
    ]
    total = sum(line["amount"] for line in lines)
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Sandbox",
        "account_tax_ids": None,
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": dict(NO_TAX),
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "created": now,
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": 0,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
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
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": None,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": now,
    }


NO_TAX = {
    "disabled_reason": None,
    "enabled": False,
    "liability": None,
    "provider": None,
    "status": None,
}


def _line(
    engine: Engine,
    invoice_id: str,
    subscription: StripeObject,
    item: StripeObject,
    *,
    is_free: bool,
) -> StripeObject:
    price = item["price"]
    quantity = 0 if item["quantity"] is None else item["quantity"]
    amount = 0 if is_free else (price["unit_amount"] or 0) * quantity
    return {
        "id": engine.state.new_id("il_", length=24),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": None,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "quantity_decimal": None,
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("invoice", call.ids[0])


def index(call: Call) -> StripeObject:
    wanted = call.params.get("subscription")
    rows = (
        invoice
        for invoice in call.engine.state.all("invoice")
        if equal(call.params, invoice, "customer", "status", "collection_method")
        and created_in(call.params, "created", invoice["created"])
        and (wanted is None or invoice["parent"]["subscription_details"]["subscription"] == wanted)
    )
    return paginate(rows, call.params, url="/v1/invoices")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/invoices": index,
    "GET /v1/invoices/{id}": retrieve,
}
