"""What an invoice is told of itself when it is made or changed.

https://docs.stripe.com/api/invoices/create
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..state import StripeObject
from . import discounts, dunning, invoice_object, invoices, payment_methods, tax_rates
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine

FROZEN = {"collection_method", "due_date", "days_until_due", "number", "effective_at", "footer"} | {
    "default_payment_method",
    "custom_fields",
    "default_tax_rates",
    "description",
    "statement_descriptor",
    "automatically_finalizes_at",
}
"""What only a draft may change."""
NAMED = {"days_until_due", "default_payment_method", "default_tax_rates"}
"""Of these, what does not stand in an invoice as it is given."""


def discounts_of(
    engine: Engine,
    customer: StripeObject,
    params: dict[str, Any],
    *,
    currency: str,
    pending: list[StripeObject],
) -> list[StripeObject] | None:
    """Coupons redeemed by the invoice itself; None: those of the subscription or the customer."""
    if "discounts" not in params:
        return None
    held = [customer["discount"]["id"]] if customer["discount"] else []
    found = discounts.read(
        engine,
        params["discounts"],
        customer_id=customer["id"],
        currency=currency,
        amount=sum(entry["amount"] for entry in pending),
        held=held,
    )
    return [
        engine.state.objects[entry]
        if isinstance(entry, str)
        else discounts.add(engine, entry, customer_id=customer["id"])
        for entry in found
    ]


def check_collection(params: dict[str, Any]) -> None:
    sends = params.get("collection_method") == "send_invoice"
    if not sends and ("days_until_due" in params or "due_date" in params):
        raise SandboxError(
            "due_date and days_until_due go with collection_method=send_invoice only.",
            param="due_date" if "due_date" in params else "days_until_due",
        )
    if sends and "days_until_due" not in params and "due_date" not in params:
        raise SandboxError(
            "You must pass days_until_due or due_date with collection_method=send_invoice.",
            code="parameter_missing",
            param="days_until_due",
        )


def check_moments(engine: Engine, params: dict[str, Any]) -> None:
    for name in ("due_date", "automatically_finalizes_at"):
        if params.get(name, engine.now + 1) <= engine.now:
            raise SandboxError(f"{name} must be in the future.", param=name)


def take_terms(engine: Engine, invoice: StripeObject, params: dict[str, Any]) -> None:
    take(invoice, params, *sorted(FROZEN - NAMED))
    if params.get("default_payment_method"):
        name = "default_payment_method"
        invoice[name] = own_method(engine, invoice, params[name], param=name)
    if "default_tax_rates" in params:
        name = "default_tax_rates"
        invoice[name] = tax_rates.named(engine, params[name], param=name)
        customer = engine.state.get("customer", invoice["customer"], status=400)
        invoice_object.add_up(engine, invoice, balance=customer["balance"])
    if "days_until_due" in params:
        engine.state.notes[invoice["id"]]["days_until_due"] = params["days_until_due"]
    if "auto_advance" in params:
        invoice["auto_advance"] = params["auto_advance"]
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        moment = params.get("automatically_finalizes_at")
        invoice["automatically_finalizes_at"] = (
            moment or invoice["automatically_finalizes_at"] or engine.now + invoices.DRAFT_SECONDS
        )
        dunning.watch(engine, invoice)
    else:
        invoice["automatically_finalizes_at"] = None


def own_method(engine: Engine, invoice: StripeObject, method_id: str, *, param: str) -> str:
    method = payment_methods.resolve(engine, method_id, param=param)
    payment_methods.attach_to(engine, method, invoice["customer"], param=param)
    return str(method["id"])
