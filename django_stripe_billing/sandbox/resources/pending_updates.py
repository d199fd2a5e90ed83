"""Changes that wait for their payment. https://docs.stripe.com/billing/subscriptions/pending-updates"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..periods import HOUR
from ..state import StripeObject
from . import billing, invoices, lifecycle, plan_changes
from .subscription_endings import TERMINAL, UPDATED

if TYPE_CHECKING:
    from ..engine import Engine

KEPT_SECONDS = 23 * HOUR
ALLOWED = {"items", "payment_behavior", "proration_behavior", "proration_date", "expand"} | {
    "billing_cycle_anchor",
    "off_session",
}
"""What the sandbox takes together with payment_behavior=pending_if_incomplete."""


def check(params: dict[str, Any]) -> None:
    """Raises SandboxError for a parameter that can't wait."""
    for name in params:
        if name not in ALLOWED:
            raise SandboxError(
                f"`{name}` can't be used with payment_behavior=pending_if_incomplete.", param=name
            )


def hold(engine: Engine, subscription: StripeObject, wanted: plan_changes.Plan) -> None:
    """Invoice a change and keep it until the invoice is paid; the subscription stays as it is."""
    after = dict(subscription)
    if wanted.starts_anew:
        after["billing_cycle_anchor"] = wanted.items[0]["current_period_start"]
    invoice = billing.bill(
        engine,
        after,
        reason="subscription_update",
        items=wanted.items if wanted.starts_anew else (),
        extra=wanted.prorations,
        is_retried=False,
        takes_loose=False,
    )
    assert invoice is not None  # noqa: S101 - there is something to pay
    engine.state.notes[invoice["id"]].update(
        when_paid=partial(_apply, engine, subscription, wanted), is_for_pending_update=True
    )
    subscription["latest_invoice"] = invoice["id"]
    subscription["pending_update"] = {
        "billing_cycle_anchor": engine.now if wanted.starts_anew else None,
        "expires_at": engine.now + KEPT_SECONDS,
        "subscription_items": wanted.items,
        "trial_end": None,
        "trial_from_plan": None,
    }
    expire = partial(_expire, engine, subscription, invoice)
    engine.state.at(engine.now + KEPT_SECONDS, expire, about=subscription["id"])


def _apply(engine: Engine, subscription: StripeObject, wanted: plan_changes.Plan) -> None:
    if subscription["pending_update"] is None or subscription["status"] in TERMINAL:
        return
    with engine.changing(subscription, UPDATED):
        subscription["pending_update"] = None
        plan_changes.apply(engine, subscription, wanted, is_billed=False)
    engine.emit("customer.subscription.pending_update_applied", subscription)
    lifecycle.schedule(engine, subscription)


def _expire(engine: Engine, subscription: StripeObject, invoice: StripeObject) -> None:
    if invoice["status"] != "open" or subscription["id"] not in engine.state.objects:
        return
    invoices.void(engine, invoice)
    if subscription["pending_update"] is not None:
        with engine.changing(subscription, UPDATED):
            subscription["pending_update"] = None
        engine.emit("customer.subscription.pending_update_expired", subscription)
