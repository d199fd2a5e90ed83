"""Payment intents. https://docs.stripe.com/api/payment_intents"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import charges, payment_methods, refunds, splits
from .metadata import take
from .payment_attempts import Outcome as Outcome
from .payment_attempts import Then, attempt, tell
from .payment_intent_object import build

if TYPE_CHECKING:
    from ..engine import Engine

SMALLEST = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "cad": 50, "aud": 50, "chf": 50}
"""Minor units. https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts"""
LARGEST = 99_999_999
CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
CANCELABLE = {*CONFIRMABLE, "requires_capture", "processing"}
UPDATABLE = (
    "application_fee_amount",
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def charge(
    engine: Engine,
    *,
    customer_id: str | None,
    method_id: str | None,
    amount: int,
    currency: str,
    intent: StripeObject | None = None,
    off_session: bool = False,
    values: dict[str, Any] | None = None,
    then: Then | None = None,
) -> Outcome:
    """Charge a payment method; never raises for a decline.

    `intent`: an earlier one to try again, or None for a new one. `off_session`: a card that asks
    for 3D Secure is declined rather than left waiting. `values`: more of the intent's parameters,
    such as description and metadata. `then` is called with the outcome of whatever happens to the
    intent afterwards: 3D Secure passed, a delayed debit decided, another card tried by the client.
    """
    if intent is None:
        given = {"amount": amount, "currency": currency, "customer": customer_id}
        intent = add(engine, {**(values or {}), **given})
    notes = engine.state.notes[intent["id"]]
    notes.pop("then", None)
    outcome = Outcome(intent=intent)
    if method_id is not None:
        method = engine.state.objects[method_id]
        outcome = attempt(engine, intent, method, off_session=off_session)
    if then is not None:
        notes["then"] = then
    return outcome


def add(engine: Engine, params: dict[str, Any]) -> StripeObject:
    """A new intent that nobody has tried to pay yet."""
    intent = engine.state.add(build(engine, params))
    engine.emit("payment_intent.created", intent)
    return intent


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    _check_amount(params["amount"], params["currency"].lower())
    if params.get("customer"):
        engine.state.get("customer", params["customer"], param="customer", status=400)
    splits.check(engine, params, amount=params["amount"])
    confirms = params.get("confirm") in {True, "true"}
    if not confirms:
        for name in ("off_session", "return_url", "error_on_requires_action", "mandate_data"):
            if name in params:
                raise SandboxError(
                    f"You cannot set {name} when creating a PaymentIntent without confirming it.",
                    param=name,
                )
    method = None
    if params.get("payment_method"):
        method = _own_method(engine, params["payment_method"], params.get("customer"))
    elif params.get("payment_method_data"):
        method = payment_methods.make(engine, params["payment_method_data"])
    intent = add(engine, params)
    if method is not None:
        intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"
    if confirms:
        _confirm(call, intent)
    return intent


def _check_amount(amount: int, currency: str) -> None:
    if amount < 1:
        raise SandboxError(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="amount",
        )
    if amount > LARGEST:
        raise SandboxError(
            "Amount must be no more than 99999999.", code="amount_too_large", param="amount"
        )
    if amount < SMALLEST.get(currency, 1):
        raise SandboxError(
            f"Amount must be at least {SMALLEST[currency]} {currency}.",
            code="amount_too_small",
            param="amount",
        )


def _own_method(engine: Engine, method_id: str, customer_id: str | None) -> StripeObject:
    method = payment_methods.resolve(engine, method_id, param="payment_method")
    payment_methods.check_usable(engine, method)
    if method["customer"] not in {None, customer_id}:
        raise SandboxError(
            f"The payment method supplied ({method['id']}) belongs to another Customer. Please"
            " include the Customer in the `customer` parameter on the PaymentIntent.",
            param="payment_method",
        )
    return method


def confirm(call: Call) -> StripeObject:
    intent = retrieve(call)
    if intent["status"] not in CONFIRMABLE:
        raise _unexpected(intent, "confirm")
    if call.params.get("payment_method"):
        method = _own_method(call.engine, call.params["payment_method"], intent["customer"])
        intent["payment_method"] = method["id"]
    elif call.params.get("payment_method_data"):
        made = payment_methods.make(call.engine, call.params["payment_method_data"])
        intent["payment_method"] = made["id"]
    _take(call, intent)
    _confirm(call, intent)
    return intent


def _confirm(call: Call, intent: StripeObject) -> None:
    engine, params = call.engine, call.params
    if intent["payment_method"] is None:
        raise SandboxError(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can"
            " either update the PaymentIntent with a payment method and then confirm it again, or"
            " confirm it again directly with a payment method.",
            code="payment_intent_unexpected_state",
        )
    if params.get("return_url"):
        engine.state.notes[intent["id"]]["return_url"] = params["return_url"]
    method = engine.state.objects[intent["payment_method"]]
    off_session = params.get("off_session") not in {None, False, "false"}
    refuses = params.get("error_on_requires_action") in {True, "true"}
    outcome = attempt(engine, intent, method, off_session=off_session or refuses)
    if outcome.decline_code:
        raise outcome.error()


def update(call: Call) -> StripeObject:
    intent, params = retrieve(call), call.params
    if intent["status"] not in CONFIRMABLE and params.keys() - {"metadata", "description"}:
        raise _unexpected(intent, "update")
    if "amount" in params or "currency" in params:
        wanted = {**intent, **params}
        _check_amount(wanted["amount"], wanted["currency"].lower())
        intent["amount"], intent["currency"] = wanted["amount"], wanted["currency"].lower()
    if params.get("customer"):
        call.engine.state.get("customer", params["customer"], param="customer", status=400)
        intent["customer"] = params["customer"]
    if params.get("payment_method"):
        method = _own_method(call.engine, params["payment_method"], intent["customer"])
        intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"
        intent["next_action"] = None
    _take(call, intent)
    return intent


def _take(call: Call, intent: StripeObject) -> None:
    take(intent, call.params, *UPDATABLE)


def capture(call: Call) -> StripeObject:
    """Take the money that was authorised, or a part of it; the rest is released."""
    engine, intent = call.engine, retrieve(call)
    if intent["status"] != "requires_capture":
        raise _unexpected(intent, "capture")
    amount: int = {"amount_to_capture": intent["amount_capturable"], **call.params}[
        "amount_to_capture"
    ]
    if not 1 <= amount <= intent["amount_capturable"]:
        raise SandboxError(
            "You cannot capture more than the amount that was authorized.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charge = engine.state.objects[intent["latest_charge"]]
    charges.take_money(engine, charge, amount)
    if amount < charge["amount"]:
        charge["amount_refunded"] = charge["amount"] - amount
    engine.emit("charge.captured", charge)
    intent["status"] = "succeeded"
    intent["amount_received"], intent["amount_capturable"] = amount, 0
    engine.emit("payment_intent.succeeded", intent)
    tell(engine, Outcome(intent=intent, charge=charge))
    return intent


def cancel(call: Call) -> StripeObject:
    engine, intent = call.engine, retrieve(call)
    if intent["status"] not in CANCELABLE:
        raise _unexpected(intent, "cancel")
    if engine.state.notes[intent["id"]].get("is_of_invoice"):
        raise SandboxError(
            "You cannot cancel this PaymentIntent because it belongs to an invoice: void that.",
            code="payment_intent_unexpected_state",
        )
    abandon(engine, intent, reason=call.params.get("cancellation_reason"))
    return intent


def abandon(engine: Engine, intent: StripeObject, *, reason: str | None = None) -> None:
    """Cancel an intent that can still be canceled; money that was only authorised is let go."""
    if intent["status"] not in CANCELABLE:
        return
    if intent["status"] == "requires_capture":
        refunds.release(engine, engine.state.objects[intent["latest_charge"]])
    intent["status"], intent["amount_capturable"] = "canceled", 0
    intent["canceled_at"], intent["next_action"] = engine.now, None
    intent["cancellation_reason"] = reason
    engine.emit("payment_intent.canceled", intent)


def _unexpected(intent: StripeObject, verb: str) -> SandboxError:
    error = SandboxError(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
    )
    error.details = {"payment_intent": intent}
    return error


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("payment_intent", call.ids[0], called="payment_intent")


def index(call: Call) -> StripeObject:
    rows = (
        intent
        for intent in call.engine.state.all("payment_intent")
        if equal(call.params, intent, "customer")
        and created_in(call.params, "created", intent["created"])
    )
    return paginate(rows, call.params, url="/v1/payment_intents")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/payment_intents": index,
    "POST /v1/payment_intents": create,
    "GET /v1/payment_intents/{id}": retrieve,
    "POST /v1/payment_intents/{id}": update,
    "POST /v1/payment_intents/{id}/cancel": cancel,
    "POST /v1/payment_intents/{id}/capture": capture,
    "POST /v1/payment_intents/{id}/confirm": confirm,
}
