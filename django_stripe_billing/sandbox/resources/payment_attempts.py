"""An attempt to pay: succeeded, declined, waiting for 3D Secure, or decided later by the bank.

https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..cards import DECLINES
from ..errors import SandboxError, declined
from ..state import StripeObject
from . import bank_transfers, charges, disputes, payment_methods

if TYPE_CHECKING:
    from ..engine import Engine

AUTHENTICATION_FAILED = {
    "code": "payment_intent_authentication_failure",
    "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide a new"
    " PaymentMethod to attempt to fulfill this PaymentIntent again.",
    "type": "invalid_request_error",
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an attempt."""

    intent: StripeObject
    charge: StripeObject | None = None
    """None where the bank was not asked: no payment method, or 3D Secure first."""
    decline_code: str = ""

    @property
    def status(self) -> str:
        """The payment intent's: succeeded, processing, requires_action, requires_payment_method or
        requires_capture."""
        return str(self.intent["status"])

    def error(self) -> SandboxError:
        """The card error that the API answers after a decline."""
        error = declined(self.decline_code)
        error.details = {"payment_intent": self.intent}
        if self.charge is not None:
            error.details["charge"] = self.charge["id"]
            error.details["payment_method"] = self.intent["last_payment_error"]["payment_method"]
        return error


Then = Callable[[Outcome], None]


def attempt(
    engine: Engine, intent: StripeObject, method: StripeObject, *, off_session: bool = False
) -> Outcome:
    """Ask the bank for an intent's amount; `off_session`: nobody is there to authenticate."""
    intent["payment_method"] = method["id"]
    intent["next_action"] = intent["last_payment_error"] = None
    if method["type"] == "customer_balance":
        bank_transfers.wait(engine, intent)
        return tell(engine, Outcome(intent=intent))
    asks = payment_methods.needs_authentication(engine, method["id"])
    if asks and not off_session:
        intent["status"] = "requires_action"
        intent["next_action"] = next_action(engine, intent["id"])
        engine.emit("payment_intent.requires_action", intent)
        return tell(engine, Outcome(intent=intent))
    was_authenticated = engine.state.notes[method["id"]].pop("is_authenticated", False)
    charge = charges.add(engine, intent, method)
    if was_authenticated:
        charge["payment_method_details"]["card"]["three_d_secure"] = dict(AUTHENTICATED)
    intent["latest_charge"] = charge["id"]
    decline = (
        "authentication_required" if asks else payment_methods.next_decline(engine, method["id"])
    )
    if decline:
        del engine.state.declines[:1]
        return _fail(engine, intent, charge, decline)
    iban = payment_methods.iban_of(engine, method["id"])
    if iban is None:
        return _succeed(engine, intent, charge)
    intent["status"] = "processing"
    engine.emit("charge.pending", charge)
    engine.emit("payment_intent.processing", intent)
    engine.state.at(
        engine.now + iban.seconds, partial(settle, engine, intent["id"]), about=intent["id"]
    )
    return tell(engine, Outcome(intent=intent, charge=charge))


AUTHENTICATED: dict[str, Any] = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": None,
    "version": "2.2.0",
}


def next_action(engine: Engine, intent_id: str) -> dict[str, Any]:
    """Where the customer authenticates: a hosted page, with or without a way back."""
    url = f"{engine.base_url}/3ds/{intent_id}"
    return_url = engine.state.notes[intent_id].get("return_url")
    if return_url:
        redirect = {"return_url": return_url, "url": url}
        return {"redirect_to_url": redirect, "type": "redirect_to_url"}
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"stripe_js": url, "type": "three_d_secure_redirect"},
    }


def _succeed(engine: Engine, intent: StripeObject, charge: StripeObject) -> Outcome:
    is_manual = intent["capture_method"] == "manual"
    charges.succeed(engine, charge, is_captured=not is_manual)
    intent["last_payment_error"] = None
    if intent["setup_future_usage"]:
        _keep_for_future(engine, intent)
    method = engine.state.objects[charge["payment_method"]]
    if method["object"] == "payment_method" and method["customer"] is None:
        payment_methods.use_up(engine, method)
    if is_manual:
        intent["status"], intent["amount_capturable"] = "requires_capture", intent["amount"]
        engine.emit("payment_intent.amount_capturable_updated", intent)
        return tell(engine, Outcome(intent=intent, charge=charge))
    intent["status"], intent["amount_received"] = "succeeded", intent["amount"]
    engine.emit("payment_intent.succeeded", intent)
    outcome = tell(engine, Outcome(intent=intent, charge=charge))
    source = payment_methods.card_of(engine, charge["payment_method"]) or payment_methods.iban_of(
        engine, charge["payment_method"]
    )
    if source is not None and source.dispute:
        disputes.open_dispute(
            engine,
            charge,
            reason=source.dispute,
            is_inquiry=getattr(source, "is_inquiry", False),
        )
    return outcome


def _keep_for_future(engine: Engine, intent: StripeObject) -> None:
    engine.state.notes[intent["payment_method"]]["is_set_up"] = True
    if intent["customer"]:
        method = engine.state.objects[intent["payment_method"]]
        payment_methods.attach_to(engine, method, intent["customer"])


def _fail(engine: Engine, intent: StripeObject, charge: StripeObject, decline: str) -> Outcome:
    code, message = DECLINES[decline]
    charges.fail(engine, charge, code=code, message=message, decline_code=decline)
    intent["status"], intent["payment_method"] = "requires_payment_method", None
    intent["last_payment_error"] = {
        "charge": charge["id"],
        "code": code,
        "decline_code": decline,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": message,
        "payment_method": engine.state.objects[charge["payment_method"]],
        "type": "card_error",
    }
    engine.emit("payment_intent.payment_failed", intent)
    return tell(engine, Outcome(intent=intent, charge=charge, decline_code=decline))


def settle(engine: Engine, intent_id: str, *, succeeds: bool | None = None) -> None:
    """The bank decides a delayed payment: as the test account does, or as the operator says."""
    intent = engine.state.objects[intent_id]
    if intent["status"] != "processing":
        return
    charge = engine.state.objects[intent["latest_charge"]]
    iban = payment_methods.iban_of(engine, charge["payment_method"])
    if succeeds is None:
        succeeds = iban is None or iban.succeeds
    if succeeds:
        _succeed(engine, intent, charge)
    else:
        _fail(engine, intent, charge, "generic_decline")


def authenticate(engine: Engine, intent_id: str, *, succeeds: bool = True) -> Outcome:
    """The customer passes 3D Secure, or fails it. Raises SandboxError when nobody asked for it."""
    intent = engine.state.get("payment_intent", intent_id, called="payment_intent")
    if intent["status"] != "requires_action" or bank_transfers.waits(intent):
        raise SandboxError(
            f"This PaymentIntent does not wait for authentication: its status is"
            f" {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    method = engine.state.objects[intent["payment_method"]]
    if succeeds:
        engine.state.notes[method["id"]]["is_authenticated"] = True
        return attempt(engine, intent, method)
    intent["status"] = "requires_payment_method"
    intent["payment_method"] = intent["next_action"] = None
    intent["last_payment_error"] = {**AUTHENTICATION_FAILED, "payment_method": method}
    engine.emit("payment_intent.payment_failed", intent)
    return tell(engine, Outcome(intent=intent, decline_code="authentication_required"))


def tell(engine: Engine, outcome: Outcome) -> Outcome:
    """Let whoever waits for the intent know what became of it."""
    then: Then | None = engine.state.notes[outcome.intent["id"]].get("then")
    if then is not None:
        then(outcome)
    return outcome
