"""Setup intents: a payment method is saved without a payment.

https://docs.stripe.com/api/setup_intents
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, declined
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import payment_methods
from .metadata import merged, take
from .payment_attempts import AUTHENTICATION_FAILED, next_action

if TYPE_CHECKING:
    from ..engine import Engine

OPEN = {"requires_payment_method", "requires_confirmation", "requires_action"}


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    if params.get("customer"):
        engine.state.get("customer", params["customer"], param="customer", status=400)
    intent = add(engine, params)
    if params.get("payment_method"):
        method = payment_methods.resolve(engine, params["payment_method"], param="payment_method")
        intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"
    if params.get("confirm") in {True, "true"}:
        _confirm(call, intent)
    return intent


def add(engine: Engine, params: dict[str, Any]) -> StripeObject:
    """A new setup intent without a payment method."""
    intent_id = engine.state.new_id("seti_", length=24)
    types = params.get("payment_method_types")
    automatic = params.get("automatic_payment_methods")
    if automatic is None and types is None:
        automatic = {"enabled": True}
    if automatic is not None:
        automatic = {"allow_redirects": "always", **automatic}
    intent = engine.state.add(
        {
            "id": intent_id,
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": automatic,
            "cancellation_reason": None,
            "client_secret": f"{intent_id}_secret_{engine.state.new_id('', length=25)}",
            "created": engine.now,
            "customer": params.get("customer"),
            "description": params.get("description"),
            "excluded_payment_method_types": params.get("excluded_payment_method_types"),
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": merged({}, params.get("metadata", {})),
            "next_action": None,
            "on_behalf_of": params.get("on_behalf_of"),
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": types or ["card", "sepa_debit"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": params.get("usage", "off_session"),
        }
    )
    engine.emit("setup_intent.created", intent)
    return intent


def confirm(call: Call) -> StripeObject:
    intent = retrieve(call)
    if intent["status"] not in OPEN:
        raise _unexpected(intent, "confirm")
    if call.params.get("payment_method"):
        method = payment_methods.resolve(
            call.engine, call.params["payment_method"], param="payment_method"
        )
        intent["payment_method"] = method["id"]
    _confirm(call, intent)
    return intent


def _confirm(call: Call, intent: StripeObject) -> None:
    if intent["payment_method"] is None:
        raise SandboxError(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            code="setup_intent_unexpected_state",
        )
    if call.params.get("return_url"):
        call.engine.state.notes[intent["id"]]["return_url"] = call.params["return_url"]
    attempt(call.engine, intent)


def attempt(engine: Engine, intent: StripeObject) -> None:
    """Save the intent's payment method. Raises SandboxError when the card is declined."""
    method = engine.state.objects[intent["payment_method"]]
    intent["next_action"] = intent["last_setup_error"] = None
    card = payment_methods.card_of(engine, method["id"])
    if card is not None and not card.attaches:
        error = declined(card.decline)
        intent["status"], intent["payment_method"] = "requires_payment_method", None
        intent["last_setup_error"] = {**error.body()["error"], "payment_method": method}
        engine.emit("setup_intent.setup_failed", intent)
        error.details = {"setup_intent": intent}
        raise error
    if payment_methods.needs_authentication(engine, method["id"]):
        intent["status"] = "requires_action"
        intent["next_action"] = next_action(engine, intent["id"])
        engine.emit("setup_intent.requires_action", intent)
        return
    if intent["customer"]:
        payment_methods.attach_to(engine, method, intent["customer"])
    notes = engine.state.notes[method["id"]]
    notes.pop("is_authenticated", None)
    notes["is_set_up"] = True
    intent["status"] = "succeeded"
    engine.emit("setup_intent.succeeded", intent)
    then = engine.state.notes[intent["id"]].pop("then", None)
    if then is not None:
        then(intent)


def authenticate(engine: Engine, intent_id: str, *, succeeds: bool = True) -> StripeObject:
    """The customer passes 3D Secure, or fails it. Raises SandboxError when nobody asked for it."""
    intent = engine.state.get("setup_intent", intent_id, called="setup_intent")
    if intent["status"] != "requires_action":
        raise _unexpected(intent, "authenticate")
    if succeeds:
        engine.state.notes[intent["payment_method"]]["is_authenticated"] = True
        attempt(engine, intent)
        return intent
    method = engine.state.objects[intent["payment_method"]]
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = intent["next_action"] = None
    intent["last_setup_error"] = {
        **AUTHENTICATION_FAILED,
        "code": "setup_intent_authentication_failure",
        "payment_method": method,
    }
    engine.emit("setup_intent.setup_failed", intent)
    return intent


def update(call: Call) -> StripeObject:
    intent, params = retrieve(call), call.params
    if params.get("customer"):
        call.engine.state.get("customer", params["customer"], param="customer", status=400)
        intent["customer"] = params["customer"]
    if params.get("payment_method"):
        if intent["status"] not in OPEN:
            raise _unexpected(intent, "update")
        method = payment_methods.resolve(
            call.engine, params["payment_method"], param="payment_method"
        )
        intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"
    take(intent, params, "description")
    return intent


def cancel(call: Call) -> StripeObject:
    intent = retrieve(call)
    if intent["status"] not in OPEN:
        raise _unexpected(intent, "cancel")
    intent["status"], intent["next_action"] = "canceled", None
    intent["cancellation_reason"] = call.params.get("cancellation_reason")
    call.engine.emit("setup_intent.canceled", intent)
    return intent


def _unexpected(intent: StripeObject, verb: str) -> SandboxError:
    error = SandboxError(
        f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
        code="setup_intent_unexpected_state",
    )
    error.details = {"setup_intent": intent}
    return error


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("setup_intent", call.ids[0], called="setup_intent")


def index(call: Call) -> StripeObject:
    rows = (
        intent
        for intent in call.engine.state.all("setup_intent")
        if equal(call.params, intent, "customer", "payment_method")
        and created_in(call.params, "created", intent["created"])
    )
    return paginate(rows, call.params, url="/v1/setup_intents")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/setup_intents": index,
    "POST /v1/setup_intents": create,
    "GET /v1/setup_intents/{id}": retrieve,
    "POST /v1/setup_intents/{id}": update,
    "POST /v1/setup_intents/{id}/cancel": cancel,
    "POST /v1/setup_intents/{id}/confirm": confirm,
}
