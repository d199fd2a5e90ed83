"""Customers. https://docs.stripe.com/api/customers"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, missing
from ..lists import created_in, equal, is_shown, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import (
    customer_balances,
    discounts,
    invoices,
    payment_methods,
    sources,
    subscriptions,
    tax_ids,
    test_clocks,
)
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

FIELDS = (
    "address",
    "description",
    "email",
    "name",
    "phone",
    "shipping",
)
IN_INVOICES = ("custom_fields", "footer", "rendering_options")
"""What `invoice_settings` give to each new invoice."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def create(call: Call) -> StripeObject:
    return add(call.engine, call.params)


def add(engine: Engine, params: dict[str, Any]) -> StripeObject:
    """A new customer. Raises SandboxError."""
    _check_email(params)
    if "test_clock" in params:
        name = "test_clock"
        engine.state.get(test_clocks.KIND, params[name], param=name, status=400, called=name)
        test_clocks.check_room(engine, "customer")
    customer_id = engine.state.new_id("cus_")
    customer: StripeObject = {
        "id": customer_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": engine.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": customer_id[4:12].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": merged({}, params.get("metadata", {})),
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _take_details(customer, {key: value for key, value in params.items() if key != "metadata"})
    attached = None
    if "payment_method" in params:
        attached = payment_methods.resolve(engine, params["payment_method"], param="payment_method")
    engine.state.add(customer)
    try:
        if attached is not None:
            payment_methods.attach_to(engine, attached, customer_id)
        if params.get("source"):
            sources.add(engine, customer, params["source"])
        if params.get("coupon"):  # older API versions; the command line tool sends it
            discounts.set_on_customer(engine, customer, params["coupon"])
    except Exception:
        engine.state.remove(customer)
        raise
    _take_invoice_settings(engine, customer, params, just_attached=attached)
    _take_balance(engine, customer, params)
    engine.emit("customer.created", customer)
    for given in params.get("tax_id_data") or []:
        tax_ids.add(engine, customer_id, given)
    return customer


def _take_invoice_settings(
    engine: Engine,
    customer: StripeObject,
    params: dict[str, Any],
    *,
    just_attached: StripeObject | None = None,
) -> None:
    settings = params.get("invoice_settings") or {}
    take(customer["invoice_settings"], settings, *IN_INVOICES)
    given = settings.get("default_payment_method")
    if given == "":
        customer["invoice_settings"]["default_payment_method"] = None
    if not given:
        return
    if just_attached is not None and given == params.get("payment_method"):
        method_id = just_attached["id"]
    else:
        method = engine.state.objects.get(given)
        if method is None or method.get("customer") != customer["id"]:
            raise missing(
                "PaymentMethod",
                given,
                param="invoice_settings[default_payment_method]",
                status=400,
            )
        method_id = given
    customer["invoice_settings"]["default_payment_method"] = method_id


def _check_email(params: dict[str, Any]) -> None:
    email = params.get("email")
    if email and not _EMAIL.fullmatch(email.strip()):
        raise SandboxError(f"Invalid email address: {email}", code="email_invalid", param="email")


def _take_details(customer: StripeObject, params: dict[str, Any]) -> None:
    take(customer, params, *FIELDS)
    if "preferred_locales" in params:
        customer["preferred_locales"] = params["preferred_locales"] or []
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    for name in ("invoice_prefix", "next_invoice_sequence"):
        customer[name] = params.get(name) or customer[name]


def _take_balance(engine: Engine, customer: StripeObject, params: dict[str, Any]) -> None:
    change = params.get("balance", customer["balance"]) - customer["balance"]
    if change:
        currency = customer["currency"] or "usd"
        customer_balances.record(engine, customer, change, currency=currency)


def update(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    _check_email(call.params)
    with call.engine.changing(customer, "customer.updated"):
        _take_details(customer, call.params)
        _take_invoice_settings(call.engine, customer, call.params)
        _take_balance(call.engine, customer, call.params)
        if "coupon" in call.params:
            discounts.set_on_customer(call.engine, customer, call.params["coupon"])
    return customer


def retrieve(call: Call) -> StripeObject:
    state = call.engine.state
    if call.ids[0] in state.deleted:
        return state.deleted[call.ids[0]]
    return state.get("customer", call.ids[0])


def delete(call: Call) -> StripeObject:
    """Its subscriptions are canceled at once."""
    engine = call.engine
    customer = engine.state.get("customer", call.ids[0])
    for subscription_id in engine.state.subscriptions_of[customer["id"]]:
        subscriptions.end(engine, engine.state.objects[subscription_id])
    for invoice in list(engine.state.all("invoice")):
        if invoice["customer"] == customer["id"]:
            invoices.stop(engine, invoice)
    answer = {"id": customer["id"], "object": "customer", "deleted": True}
    engine.state.remove(customer, answers=answer)
    engine.emit("customer.deleted", customer)
    return answer


def index(call: Call) -> StripeObject:
    rows = (
        customer
        for customer in call.engine.state.all("customer")
        if is_shown(call.params, customer)
        and equal(call.params, customer, "email")
        and created_in(call.params, "created", customer["created"])
    )
    return paginate(rows, call.params, url="/v1/customers")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/customers": index,
    "POST /v1/customers": create,
    "GET /v1/customers/{id}": retrieve,
    "POST /v1/customers/{id}": update,
    "DELETE /v1/customers/{id}": delete,
}
