"""Payment intents of Checkout's payment mode. https://docs.stripe.com/api/payment_intents"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..routes import Call, Operation
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine


def add_succeeded(
    engine: Engine, *, amount: int, currency: str, customer: str | None, method_id: str
) -> StripeObject:
    """A payment that has succeeded."""
    intent_id = engine.state.new_id("pi_", length=24)
    intent = engine.state.add(
        {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": amount,
            "capture_method": "automatic_async",
            "client_secret": f"{intent_id}_secret_sandbox",
            "confirmation_method": "automatic",
            "created": engine.now,
            "currency": currency,
            "customer": customer,
            "latest_charge": None,
            "livemode": False,
            "metadata": {},
            "payment_method": method_id,
            "payment_method_types": ["card"],
            "status": "succeeded",
        }
    )
    engine.emit("payment_intent.created", intent)
    engine.emit("payment_intent.succeeded", intent)
    return intent


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("payment_intent", call.ids[0], called="payment_intent")


OPERATIONS: dict[str, Operation] = {"GET /v1/payment_intents/{id}": retrieve}
