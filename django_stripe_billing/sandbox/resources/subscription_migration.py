"""From classic billing to flexible. https://docs.stripe.com/api/subscriptions/migrate"""

from __future__ import annotations

from ..errors import SandboxError
from ..routes import Call, Operation
from ..state import StripeObject
from .subscription_endings import TERMINAL, UPDATED


def migrate(call: Call) -> StripeObject:
    """There is no way back."""
    subscription = call.engine.state.get("subscription", call.ids[0])
    if subscription["status"] in TERMINAL:
        raise SandboxError("A subscription that has ended can't be migrated.")
    if subscription["billing_mode"]["type"] == "flexible":
        raise SandboxError("The subscription is in flexible billing mode already.")
    given = call.params["billing_mode"]
    with call.engine.changing(subscription, UPDATED):
        subscription["billing_mode"] = {
            "type": given["type"],
            "flexible": given.get("flexible"),
            "updated_at": call.engine.now,
        }
    return subscription


OPERATIONS: dict[str, Operation] = {"POST /v1/subscriptions/{id}/migrate": migrate}
