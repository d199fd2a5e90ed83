"""Paying a Checkout Session: what its hosted page does.

https://docs.stripe.com/payments/checkout/how-checkout-works
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, declined
from ..state import StripeObject
from . import (
    checkout_invoices,
    checkout_lines,
    customers,
    discounts,
    payment_intents,
    payment_methods,
    setup_intents,
    subscriptions,
)
from .payment_attempts import Outcome
from .payment_method_object import ADDRESS

if TYPE_CHECKING:
    from ..engine import Engine

PASSED_ON = (
    "application_fee_percent",
    "billing_cycle_anchor",
    "billing_mode",
    "default_tax_rates",
    "description",
    "invoice_settings",
    "metadata",
    "on_behalf_of",
    "proration_behavior",
    "transfer_data",
    "trial_end",
    "trial_period_days",
    "trial_settings",
)
"""What of `subscription_data` becomes the subscription's."""


def complete(
    engine: Engine,
    session_id: str,
    *,
    payment_method: str,
    email: str = "",
    is_authenticated: bool = False,
) -> StripeObject:
    """Pay an open session, as its hosted page does.

    `payment_method` is '' where none is needed; `is_authenticated`: the customer passes 3D Secure.

    Raises SandboxError: a declined card, or one that waits for 3D Secure (authentication_required),
    leaves the session open; a session that is closed stays closed.
    """
    session = engine.state.get("checkout.session", session_id)
    if session["status"] != "open":
        raise SandboxError("This Checkout Session is no longer open.")
    method = None
    if payment_method:
        method = payment_methods.resolve(engine, payment_method, param="payment_method")
        if is_authenticated:
            engine.state.notes[method["id"]]["is_authenticated"] = True
    elif needs_method(session):
        raise SandboxError("Choose a payment method.", param="payment_method")
    session["customer_details"]["email"] = _email(engine, session, method, email)
    MODES[session["mode"]](engine, session, method)
    return session


def needs_method(session: StripeObject) -> bool:
    """Whether the page asks for a card."""
    if session["mode"] == "setup" or session["amount_total"]:
        return True
    return bool(session["payment_method_collection"] == "always")


def _email(
    engine: Engine, session: StripeObject, method: StripeObject | None, given: str
) -> str | None:
    customer = engine.state.objects.get(session["customer"] or "")
    details = method["billing_details"] if method is not None else {}
    found = (
        (customer or {}).get("email") or session["customer_email"] or given or details.get("email")
    )
    return str(found) if found else None


def _customer(engine: Engine, session: StripeObject, method: StripeObject | None) -> str:
    """The session's customer, made now if there is none, with the payment method attached."""
    if session["customer"] is None:
        email = session["customer_details"]["email"]
        session["customer"] = customers.add(engine, {"email": email} if email else {})["id"]
    customer_id = str(session["customer"])
    customer = engine.state.get("customer", customer_id, param="customer", status=400)
    if method is not None:
        payment_methods.attach_to(engine, method, customer_id)
        _take_address(engine, session, customer, method)
    return customer_id


def _take_address(
    engine: Engine, session: StripeObject, customer: StripeObject, method: StripeObject
) -> None:
    """`customer_update`: what was typed in on the page becomes the customer's."""
    wanted = engine.state.notes[session["id"]]["params"].get("customer_update") or {}
    details = method["billing_details"]
    with engine.changing(customer, "customer.updated"):
        if wanted.get("address") == "auto":
            address = {**dict.fromkeys(ADDRESS), "country": "US"}
            typed = {key: value for key, value in details["address"].items() if value}
            customer["address"] = {**address, **typed}
        if wanted.get("name") == "auto" and details["name"]:
            customer["name"] = details["name"]


def _require_payable(engine: Engine, session: StripeObject, method: StripeObject) -> None:
    """Whether the card passes, before anything is made. Raises SandboxError."""
    if payment_methods.needs_authentication(engine, method["id"]):
        raise _authentication_required()
    decline = payment_methods.next_decline(engine, method["id"])
    if session["amount_total"] and decline:
        del engine.state.declines[:1]
        raise declined(decline)


def _authentication_required() -> SandboxError:
    return SandboxError(
        "Your bank wants you to confirm this payment.",
        status=402,
        type="card_error",
        code="authentication_required",
        decline_code="authentication_required",
    )


def _subscribe(engine: Engine, session: StripeObject, method: StripeObject | None) -> None:
    notes = engine.state.notes[session["id"]]
    if method is not None:
        if method["type"] != "card":
            raise SandboxError("The sandbox takes subscriptions by card only.")
        _require_payable(engine, session, method)
    customer_id = _customer(engine, session, method)
    data = notes["params"].get("subscription_data") or {}
    recurring = [line for line in notes["lines"] if line["price"]["type"] == "recurring"]
    once = [line for line in notes["lines"] if line["price"]["type"] == "one_time"]
    params: dict[str, Any] = {name: data[name] for name in PASSED_ON if name in data}
    params |= {
        "customer": customer_id,
        "currency": session["currency"],
        "items": [_entry(engine, line) for line in recurring],
        "payment_behavior": "error_if_incomplete",
    }
    if method is not None:
        params["default_payment_method"] = method["id"]
    if once:
        params["add_invoice_items"] = [_entry(engine, line) for line in once]
    if session["discounts"]:
        given = session["discounts"][0]
        params["discounts"] = [{name: value for name, value in given.items() if value}]
    subscription = subscriptions.add(engine, params)
    session["subscription"] = subscription["id"]
    session["invoice"] = subscription["latest_invoice"]
    if method is not None:
        method_notes = engine.state.notes[method["id"]]
        method_notes["is_set_up"] = True
        method_notes.pop("is_authenticated", None)
    is_paid = bool(session["amount_total"])
    _finish(engine, session, payment_status="paid" if is_paid else "no_payment_required")


def _entry(engine: Engine, line: StripeObject) -> dict[str, Any]:
    quantity = {} if line["quantity"] is None else {"quantity": line["quantity"]}
    rates = list(checkout_lines.rates_of(engine, line))
    return {"price": line["price"]["id"], **quantity, "tax_rates": rates}


def _pay(engine: Engine, session: StripeObject, method: StripeObject | None) -> None:
    params = engine.state.notes[session["id"]]["params"]
    data = params.get("payment_intent_data") or {}
    is_invoiced = session["invoice_creation"]["enabled"]
    makes_customer = params.get("customer_creation") == "always" or is_invoiced
    needs_customer = (
        session["customer"] is not None or makes_customer or "setup_future_usage" in data
    )
    if method is None or not session["amount_total"]:
        if makes_customer:
            _customer(engine, session, method)
        _redeem(engine, session)
        checkout_invoices.add(engine, session)
        _finish(engine, session, payment_status="no_payment_required")
        return
    passes = payment_methods.is_charged(engine, method["id"])
    customer_id = session["customer"]
    if needs_customer and passes:
        saved = method if data.get("setup_future_usage") else None
        customer_id = _customer(engine, session, saved)
    if method["customer"] not in {None, customer_id}:
        raise SandboxError("The payment method belongs to another customer.")
    held = engine.state.objects.get(session["payment_intent"] or "")
    if held is not None:
        held["customer"] = customer_id
    outcome = payment_intents.charge(
        engine,
        customer_id=customer_id,
        method_id=method["id"],
        amount=session["amount_total"],
        currency=session["currency"],
        intent=held,
        values={**data, "payment_method_types": session["payment_method_types"]},
        then=partial(_decided, engine, session["id"]),
    )
    session["payment_intent"] = outcome.intent["id"]
    if outcome.status == "requires_action":
        raise _authentication_required()
    if outcome.decline_code:
        raise outcome.error()
    _sold(engine, session, outcome)


def _sold(engine: Engine, session: StripeObject, outcome: Outcome) -> None:
    if session["invoice_creation"]["enabled"]:
        _customer(engine, session, None)
    _redeem(engine, session)
    if outcome.status == "succeeded":
        checkout_invoices.add(engine, session)
    _finish(engine, session, payment_status=PAYMENT_STATUSES[outcome.status])


PAYMENT_STATUSES = {"succeeded": "paid", "processing": "unpaid", "requires_capture": "unpaid"}
"""Of a completed session, by its payment intent's status."""


def _redeem(engine: Engine, session: StripeObject) -> None:
    notes = engine.state.notes[session["id"]]
    found = notes.get("discount")
    if found is not None:
        notes["redeemed"] = discounts.add(
            engine, found, customer_id=session["customer"], session_id=session["id"]
        )


def _decided(engine: Engine, session_id: str, outcome: Outcome) -> None:
    """3D Secure was passed elsewhere, a delayed debit is decided, the money is captured."""
    session = engine.state.objects[session_id]
    if session["status"] == "open" and outcome.status in PAYMENT_STATUSES:
        _sold(engine, session, outcome)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid":
        if outcome.status == "succeeded":
            session["payment_status"] = "paid"
            checkout_invoices.add(engine, session)
            engine.emit("checkout.session.async_payment_succeeded", session)
        elif outcome.decline_code:
            engine.emit("checkout.session.async_payment_failed", session)


def _set_up(engine: Engine, session: StripeObject, method: StripeObject | None) -> None:
    if method is None:
        raise SandboxError("Choose a payment method.", param="payment_method")
    if payment_methods.needs_authentication(engine, method["id"]):
        raise _authentication_required()
    intent = engine.state.objects[session["setup_intent"]]
    intent["payment_method"] = method["id"]
    params = engine.state.notes[session["id"]]["params"]
    if session["customer"] is None and params.get("customer_creation") == "always":
        intent["customer"] = _customer(engine, session, None)
    setup_intents.attempt(engine, intent)
    _finish(engine, session, payment_status="no_payment_required")


def _finish(engine: Engine, session: StripeObject, *, payment_status: str) -> None:
    session["status"], session["url"] = "complete", None
    session["payment_status"] = payment_status
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"]["status"] = "complete"
    engine.emit("checkout.session.completed", session)


MODES = {"payment": _pay, "setup": _set_up, "subscription": _subscribe}
