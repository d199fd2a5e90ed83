"""One currency for all that a customer subscribes to.

https://docs.stripe.com/billing/customer#currency
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import SandboxError
from ..state import StripeObject
from .subscription_endings import TERMINAL

if TYPE_CHECKING:
    from ..engine import Engine


def check(engine: Engine, customer_id: str | None, currency: str | None) -> None:
    """Raises SandboxError where the customer already pays, or may be about to, in another one."""
    if not customer_id or not currency:
        return
    for held in _held(engine, customer_id):
        if held["currency"] != currency:
            raise SandboxError(
                "You cannot combine currencies on a single customer. This customer has an active"
                " subscription, subscription schedule, discount, quote, invoice item or active"
                f" subscription mode checkout session with currency {held['currency']}."
            )


def _held(engine: Engine, customer_id: str) -> Iterator[StripeObject]:
    state = engine.state
    for subscription_id in state.subscriptions_of[customer_id]:
        subscription = state.objects[subscription_id]
        if subscription["status"] not in TERMINAL:
            yield subscription
    for item_id in state.notes[customer_id].get("pending_items", []):
        yield state.objects[item_id]
    for session in state.all("checkout.session"):
        kind = (session["customer"], session["mode"], session["status"])
        if kind == (customer_id, "subscription", "open"):
            yield session
