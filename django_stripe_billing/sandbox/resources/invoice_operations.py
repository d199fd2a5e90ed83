"""What may be asked of invoices. https://docs.stripe.com/api/invoices"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SandboxError, missing_parameter
from ..lists import created_in, equal, is_shown, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import (
    billing,
    dunning,
    invoice_items,
    invoice_terms,
    invoices,
)
from .invoice_object import subscription_of
from .metadata import merged, take

if TYPE_CHECKING:
    pass


def create(call: Call) -> StripeObject:
    """A draft of what is pending for a subscription or, when told so, for a customer."""
    engine, params = call.engine, call.params
    subscription = None
    if "subscription" in params:
        name = "subscription"
        subscription = engine.state.get(name, params[name], param=name, status=400)
    customer_id = params.get("customer") or (subscription or {}).get("customer", "")
    if not customer_id:
        raise missing_parameter("customer")
    customer = engine.state.get("customer", customer_id, param="customer", status=400)
    if subscription is not None:
        invoice_items.check_owner(engine, subscription["id"], customer["id"])
    invoice_terms.check_collection(params)
    invoice_terms.check_moments(engine, params)
    currency = (params.get("currency") or customer["currency"] or "usd").lower()
    pending = []
    if subscription is not None or params.get("pending_invoice_items_behavior") == "include":
        pending = invoice_items.pending(
            engine,
            customer_id,
            subscription_id=params.get("subscription"),
            currency=currency,
            with_loose=subscription is None,
        )
    if subscription is not None and not pending:
        raise SandboxError(
            "Nothing to invoice for subscription", code="invoice_no_subscription_line_items"
        )
    found = invoice_terms.discounts_of(engine, customer, params, currency=currency, pending=pending)
    invoice = invoices.draft(
        engine,
        customer,
        [],
        reason="manual" if subscription is None else "subscription_update",
        currency=currency,
        subscription=subscription,
        pending=pending,
        discounts=found,
    )
    for discount in found or []:
        discount["invoice"] = invoice["id"]
    invoice["auto_advance"] = False
    invoice["metadata"] = merged({}, params.get("metadata", {}))
    invoice_terms.take_terms(engine, invoice, params)
    return invoice


def update(call: Call) -> StripeObject:
    invoice = retrieve(call)
    invoice_terms.check_moments(call.engine, call.params)
    if invoice["status"] != "draft":
        for name in call.params:
            if name in invoice_terms.FROZEN:
                raise SandboxError(
                    f"Finalized invoices can't be updated in this way: {name}", param=name
                )
    with call.engine.changing(invoice, invoices.UPDATED):
        take(invoice, {key: call.params[key] for key in call.params if key == "metadata"})
        invoice_terms.take_terms(call.engine, invoice, call.params)
    return invoice


def delete(call: Call) -> StripeObject:
    """Only a draft that belongs to no subscription; its items wait again."""
    engine, invoice = call.engine, retrieve(call)
    if invoice["status"] != "draft" or subscription_of(invoice) is not None:
        raise SandboxError(
            "You can only delete draft invoices that belong to no subscription; void the others."
        )
    for entry in engine.state.all(invoice_items.KIND):
        if entry["invoice"] == invoice["id"]:
            invoice_items.release(engine, entry)
    answer = {"id": invoice["id"], "object": "invoice", "deleted": True}
    engine.state.remove(invoice)
    engine.emit("invoice.deleted", invoice)
    return answer


def _is_draft(invoice: StripeObject) -> None:
    if invoice["status"] != "draft":
        raise SandboxError(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )


def finalize(call: Call) -> StripeObject:
    """It becomes open; it is charged by itself where auto_advance says so."""
    engine, invoice = call.engine, retrieve(call)
    _is_draft(invoice)
    if "auto_advance" in call.params:
        invoice["auto_advance"] = call.params["auto_advance"]
    engine.state.notes[invoice["id"]].setdefault("is_retried", True)
    billing.finalize_and_collect(engine, invoice)
    dunning.watch(engine, invoice)
    dunning.follow(engine, invoice)
    return invoice


def pay(call: Call) -> StripeObject:
    """A draft is finalized first. Raises SandboxError when the charge is declined."""
    engine, invoice, params = call.engine, retrieve(call), call.params
    if invoice["status"] not in {"draft", "open", "uncollectible"}:
        raise SandboxError(
            "Invoice is already paid" if invoice["status"] == "paid" else "Invoice is voided",
            code="invoice_already_paid" if invoice["status"] == "paid" else "",
        )
    method_id = None
    if params.get("payment_method"):
        name = "payment_method"
        method_id = invoice_terms.own_method(engine, invoice, params[name], param=name)
    if invoice["status"] == "draft":
        invoices.finalize(engine, invoice)
        dunning.watch(engine, invoice)
    if invoice["status"] == "paid":
        dunning.follow(engine, invoice)
        return invoice
    if params.get("paid_out_of_band"):
        invoices.mark_paid(engine, invoice, is_out_of_band=True)
        dunning.follow(engine, invoice)
        return invoice
    method_id = method_id or invoices.payer(engine, invoice)
    if method_id is None:
        raise SandboxError(
            "There is no default payment method set on this Customer. Please provide a payment"
            " method.",
            code="missing",
        )
    outcome = dunning.pay(engine, invoice, method_id=method_id)
    if outcome.status == "requires_action":
        raise SandboxError(
            "This payment requires additional user action before it can be completed successfully."
            " Payment can be completed using the PaymentIntent associated with the invoice.",
            status=402,
            type="card_error",
            code="invoice_payment_intent_requires_action",
        )
    if outcome.decline_code:
        raise outcome.error()
    return invoice


def void(call: Call) -> StripeObject:
    invoice = retrieve(call)
    invoices.void(call.engine, invoice)
    dunning.follow(call.engine, invoice)
    return invoice


def mark_uncollectible(call: Call) -> StripeObject:
    invoice = retrieve(call)
    invoices.mark_uncollectible(call.engine, invoice, reason="user_forgiven")
    dunning.follow(call.engine, invoice)
    return invoice


def send(call: Call) -> StripeObject:
    """E-mail it to the customer; a draft is finalized first."""
    engine, invoice = call.engine, retrieve(call)
    if invoice["collection_method"] != "send_invoice":
        raise SandboxError(
            "You can only manually send an invoice with collection_method send_invoice."
        )
    if invoice["status"] == "draft":
        invoices.finalize(engine, invoice)
        dunning.watch(engine, invoice)
        dunning.follow(engine, invoice)
    engine.emit("invoice.sent", invoice)
    return invoice


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("invoice", call.ids[0])


def lines(call: Call) -> StripeObject:
    invoice = retrieve(call)
    return paginate(invoice["lines"]["data"], call.params, url=invoice["lines"]["url"])


def index(call: Call) -> StripeObject:
    params = call.params
    rows = (
        invoice
        for invoice in call.engine.state.all("invoice")
        if equal(params, invoice, "customer", "status", "collection_method")
        and is_shown(params, invoice)
        and created_in(params, "created", invoice["created"])
        and created_in(params, "due_date", invoice["due_date"])
        and ("subscription" not in params or subscription_of(invoice) == params["subscription"])
    )
    return paginate(rows, params, url="/v1/invoices")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/invoices": index,
    "POST /v1/invoices": create,
    "GET /v1/invoices/{id}": retrieve,
    "POST /v1/invoices/{id}": update,
    "DELETE /v1/invoices/{id}": delete,
    "POST /v1/invoices/{id}/finalize": finalize,
    "POST /v1/invoices/{id}/mark_uncollectible": mark_uncollectible,
    "POST /v1/invoices/{id}/pay": pay,
    "POST /v1/invoices/{id}/send": send,
    "POST /v1/invoices/{id}/void": void,
    "GET /v1/invoices/{id}/lines": lines,
}
