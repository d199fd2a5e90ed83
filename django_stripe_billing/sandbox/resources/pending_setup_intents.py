"""The setup intent of a subscription that begins without a payment.

https://docs.stripe.com/billing/subscriptions/deferred-payment
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..state import StripeObject
from . import invoices, payment_methods, setup_intents
from .subscription_endings import TERMINAL, UPDATED

if TYPE_CHECKING:
    from ..engine import Engine


def offer(engine: Engine, subscription: StripeObject, *, payer: str | None) -> None:
    """Ask for a payment method, or for 3D Secure for the one there is; nothing if it will do."""
    if subscription["collection_method"] != "charge_automatically":
        return
    if payer is not None and not payment_methods.needs_authentication(engine, payer):
        return
    intent = setup_intents.add(engine, {"customer": subscription["customer"]})
    if payer is not None:
        intent["payment_method"] = payer
        setup_intents.attempt(engine, intent)
    subscription["pending_setup_intent"] = intent["id"]
    engine.state.notes[intent["id"]]["then"] = partial(_take, engine, subscription["id"])


def _take(engine: Engine, subscription_id: str, intent: StripeObject) -> None:
    """The payment method is set up: the subscription is charged to it from now on."""
    subscription = engine.state.objects[subscription_id]
    if subscription["status"] in TERMINAL:
        return
    with engine.changing(subscription, UPDATED):
        subscription["pending_setup_intent"] = None
        if invoices.payer(engine, subscription) != intent["payment_method"]:
            subscription["default_payment_method"] = intent["payment_method"]
