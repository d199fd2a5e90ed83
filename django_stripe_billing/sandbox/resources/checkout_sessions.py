"""Checkout Sessions. https://docs.stripe.com/api/checkout/sessions"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..periods import DAY, HOUR, MINUTE
from ..routes import Call, Operation
from ..state import StripeObject
from . import checkout_lines, customer_currency, payment_intents, setup_intents, splits
from .checkout_session_object import build
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    mode = params.get("mode", "payment")
    _check_urls(params, is_tolerant=call.is_tolerant)
    _check(engine, params, mode)
    lines = [] if mode == "setup" else checkout_lines.read(call, mode)
    optional = checkout_lines.read_optional(engine, params)
    expires_at = params.get("expires_at", engine.now + DAY)
    if not engine.now + 30 * MINUTE <= expires_at <= engine.now + DAY + HOUR:
        raise SandboxError(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout"
            " Session creation.",
            param="expires_at",
        )
    session = build(engine, params, mode=mode, lines=lines, expires_at=expires_at)
    if optional:
        session["optional_items"] = optional
    engine.state.notes[session["id"]].update(lines=lines, params=params)
    if mode != "setup":
        checkout_lines.compute(engine, session)
    if params.get("discounts"):
        checkout_lines.set_discount(engine, session, params["discounts"][0])
    for name, whole in (
        ("subscription_data", None),
        ("payment_intent_data", session["amount_total"]),
    ):
        splits.check(engine, params.get(name) or {}, at=name, amount=whole)
    if mode == "subscription":
        customer_currency.check(engine, session["customer"], session["currency"])
    if mode == "setup":
        data = {"customer": session["customer"], **(params.get("setup_intent_data") or {})}
        session["setup_intent"] = setup_intents.add(engine, data)["id"]
    engine.state.add(session)
    engine.state.at(expires_at, partial(_expire_if_open, engine, session), about=session["id"])
    return session


ONLY_IN = {
    "customer_creation": {"payment", "setup"},
    "discounts": {"payment", "subscription"},
    "allow_promotion_codes": {"payment", "subscription"},
    "invoice_creation": {"payment"},
    "line_items": {"payment", "subscription"},
    "optional_items": {"payment", "subscription"},
    "payment_intent_data": {"payment"},
    "payment_method_collection": {"subscription"},
    "setup_intent_data": {"setup"},
    "subscription_data": {"subscription"},
}
"""Parameters that belong to some modes only."""

EXCLUSIVE = (
    ("customer", "customer_email"),
    ("allow_promotion_codes", "discounts"),
    ("customer", "customer_creation"),
)


def _check(engine: Engine, params: dict[str, Any], mode: str) -> None:
    for name, modes in ONLY_IN.items():
        if name in params and mode not in modes:
            raise SandboxError(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    for pair in EXCLUSIVE:
        if all(params.get(name) for name in pair):
            raise SandboxError(f"You may only specify one of these parameters: {', '.join(pair)}.")
    if len(params.get("discounts") or []) > 1:
        raise SandboxError("There is at most one discount.", param="discounts")
    if mode == "setup" and "currency" not in params and "payment_method_types" not in params:
        raise SandboxError(
            "Missing required param: currency.", code="parameter_missing", param="currency"
        )
    if "customer_update" in params and "customer" not in params:
        raise SandboxError(
            "`customer_update` can only be used with `customer`.", param="customer_update"
        )
    if "customer" in params:
        customer = engine.state.get("customer", params["customer"], param="customer", status=400)
        updates = (params.get("customer_update") or {}).get("address") == "auto"
        is_taxed = (params.get("automatic_tax") or {}).get("enabled")
        if is_taxed and not customer["address"] and not updates:
            raise SandboxError(
                "Automatic tax calculation in Checkout requires a valid address on the Customer."
                " Add a valid address to the Customer or set `customer_update[address]` to"
                " 'auto'.",
                code="customer_tax_location_invalid",
                param="automatic_tax",
            )


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
        intent = engine.state.objects.get(session["payment_intent"] or "")
        if intent is not None:
            payment_intents.abandon(engine, intent)
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
