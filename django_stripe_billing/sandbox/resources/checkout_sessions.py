"""Checkout Sessions. https://docs.stripe.com/api/checkout/sessions"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, declined
from ..lists import created_in, equal, paginate
from ..periods import DAY, HOUR, MINUTE
from ..routes import Call, Operation
from ..state import StripeObject
from . import customers, payment_intents, payment_methods, subscriptions
from .checkout_session_object import build, line_item
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    mode = params.get("mode", "payment")
    if mode == "setup":
        raise SandboxError("The sandbox knows payment and subscription mode.", param="mode")
    _check_urls(params, is_tolerant=call.is_tolerant)
    if "customer" in params and "customer_email" in params:
        raise SandboxError("You may only specify one of these parameters: customer, customer_email")
    if "customer" in params:
        engine.state.get("customer", params["customer"], param="customer", status=400)
    lines = _lines(engine, params, mode)
    expires_at = params.get("expires_at", engine.now + DAY)
    if not engine.now + 30 * MINUTE <= expires_at <= engine.now + DAY + HOUR:
        raise SandboxError(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout"
            " Session creation.",
            param="expires_at",
        )
    session = build(engine, params, mode=mode, lines=lines, expires_at=expires_at)
    engine.state.add(session)
    engine.state.notes[session["id"]].update(lines=lines, params=params)
    engine.state.at(expires_at, partial(_expire_if_open, engine, session))
    return session


def _check_urls(params: dict[str, Any], *, is_tolerant: bool) -> None:
    ui_mode = params.get("ui_mode", "hosted_page")
    wanted, refused = (
        ("success_url", ("return_url",))
        if ui_mode == "hosted_page"
        else ("return_url", ("success_url", "cancel_url"))
    )
    if wanted not in params and not is_tolerant:
        raise SandboxError(
            f"Missing required param: {wanted}.", code="parameter_missing", param=wanted
        )
    for name in refused:
        if name in params:
            raise SandboxError(f"{name} can't be used with ui_mode={ui_mode}.", param=name)
    for name in ("success_url", "cancel_url", "return_url"):
        if name in params and not params[name].startswith(("http://", "https://")):
            raise SandboxError("Not a valid URL", code="url_invalid", param=name)


def _lines(engine: Engine, params: dict[str, Any], mode: str) -> list[StripeObject]:
    given = params.get("line_items") or []
    if not given:
        raise SandboxError(
            "Missing required param: line_items.", code="parameter_missing", param="line_items"
        )
    lines = []
    for index, entry in enumerate(given):
        at = f"line_items[{index}]"
        if "price" not in entry:
            raise SandboxError("The sandbox takes line items by price.", param=f"{at}[price]")
        price = engine.state.get("price", entry["price"], param=f"{at}[price]", status=400)
        if not price["active"]:
            raise SandboxError(
                f"The price specified is inactive: {price['id']}", param=f"{at}[price]"
            )
        quantity = entry.get("quantity")
        is_metered = (price["recurring"] or {}).get("usage_type") == "metered"
        if quantity is None and not is_metered:
            raise SandboxError(
                "Quantity is required. Add `quantity` to the line item.", param=f"{at}[quantity]"
            )
        if quantity is not None and not 1 <= quantity <= 999_999:
            raise SandboxError(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer",
                param=f"{at}[quantity]",
            )
        lines.append(line_item(engine, price, quantity))
    recurs = any(line["price"]["type"] == "recurring" for line in lines)
    if recurs is not (mode == "subscription"):
        raise SandboxError(
            "You must use `subscription` mode with recurring prices, and `payment` mode without.",
            param="mode",
        )
    if len({line["currency"] for line in lines}) > 1:
        raise SandboxError("All line items have one currency.", param="line_items")
    return lines


def complete(engine: Engine, session_id: str, *, payment_method: str) -> StripeObject:
    """Pay an open session, as its hosted page does.

    Raises SandboxError: a declined card leaves it open; a session that is closed stays closed.
    """
    session = engine.state.get("checkout.session", session_id)
    if session["status"] != "open":
        raise SandboxError("This Checkout Session is no longer open.")
    notes = engine.state.notes[session_id]
    method = payment_methods.resolve(engine, payment_method, param="payment_method")
    if session["amount_total"] and not payment_methods.is_charged(engine, method["id"]):
        raise declined()
    customer_id = session["customer"]
    if customer_id is None and session["mode"] == "subscription":
        email = session["customer_email"] or method["billing_details"]["email"]
        customer_id = customers.add(engine, {"email": email} if email else {})["id"]
    if customer_id is not None:
        customer = engine.state.get("customer", customer_id, param="customer", status=400)
        payment_methods.attach_to(engine, method, customer_id)
        session["customer_details"]["email"] = customer["email"]
    session["customer"] = customer_id
    if session["mode"] == "subscription":
        _subscribe(engine, session, notes, method["id"])
    else:
        session["payment_intent"] = payment_intents.add_succeeded(
            engine,
            amount=session["amount_total"],
            currency=session["currency"],
            customer=customer_id,
            method_id=method["id"],
        )["id"]
    session["status"], session["url"] = "complete", None
    session["payment_status"] = "paid" if session["amount_total"] else "no_payment_required"
    engine.emit("checkout.session.completed", session)
    return session


def _subscribe(
    engine: Engine, session: StripeObject, notes: dict[str, Any], method_id: str
) -> None:
    data = notes["params"].get("subscription_data") or {}
    items = [
        {"price": line["price"]["id"]}
        | ({} if line["quantity"] is None else {"quantity": line["quantity"]})
        for line in notes["lines"]
        if line["price"]["type"] == "recurring"
    ]
    passed = {
        name: data[name]
        for name in ("trial_period_days", "trial_end", "trial_settings", "description", "metadata")
        if name in data
    }
    subscription = subscriptions.add(
        engine,
        {
            "customer": session["customer"],
            "items": items,
            "default_payment_method": method_id,
            "payment_behavior": "error_if_incomplete",
            **passed,
        },
    )
    session["subscription"] = subscription["id"]
    session["invoice"] = subscription["latest_invoice"]


def expire(call: Call) -> StripeObject:
    session = retrieve(call)
    if session["status"] != "open":
        raise SandboxError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout'
            f" Session has a status of `{session['status']}`."
        )
    _expire_if_open(call.engine, session)
    return session


def _expire_if_open(engine: Engine, session: StripeObject) -> None:
    if session["status"] == "open":
        session["status"], session["url"] = "expired", None
        engine.emit("checkout.session.expired", session)


def update(call: Call) -> StripeObject:
    session = retrieve(call)
    take(session, call.params)
    return session


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("checkout.session", call.ids[0], called="checkout.session")


def index(call: Call) -> StripeObject:
    rows = (
        session
        for session in call.engine.state.all("checkout.session")
        if equal(call.params, session, "customer", "payment_intent", "status", "subscription")
        and created_in(call.params, "created", session["created"])
    )
    return paginate(rows, call.params, url="/v1/checkout/sessions")


def line_items(call: Call) -> StripeObject:
    session = retrieve(call)
    rows = call.engine.state.notes[session["id"]]["lines"]
    return paginate(rows, call.params, url=f"/v1/checkout/sessions/{session['id']}/line_items")


def included_line_items(engine: Engine, session: StripeObject) -> StripeObject:
    """What `expand[]=line_items` shows."""
    rows = engine.state.notes[session["id"]]["lines"]
    return paginate(rows, {}, url=f"/v1/checkout/sessions/{session['id']}/line_items")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/checkout/sessions": index,
    "POST /v1/checkout/sessions": create,
    "GET /v1/checkout/sessions/{id}": retrieve,
    "POST /v1/checkout/sessions/{id}": update,
    "POST /v1/checkout/sessions/{id}/expire": expire,
    "GET /v1/checkout/sessions/{id}/line_items": line_items,
}
