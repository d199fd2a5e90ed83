"""What happens to a subscription by itself: trial ends, renewals, its end.

https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..errors import SandboxError
from ..periods import DAY, HOUR
from ..state import StripeObject
from . import active_entitlements, billing, dunning, invoices, phases, upcoming_invoices
from .subscription_endings import TERMINAL, UPDATED, end, expire, pause
from .subscription_items import start_period
from .upcoming_invoices import period_end

if TYPE_CHECKING:
    from ..engine import Engine

INCOMPLETE_SECONDS = 23 * HOUR
WARNING_SECONDS = 3 * DAY
UPCOMING_SECONDS = 7 * DAY
"""How long before a renewal `invoice.upcoming` is told."""

RENEWED = {"active", "past_due", "unpaid"}


def schedule(engine: Engine, subscription: StripeObject) -> None:
    """Look at a subscription again when something is due, and tell of its entitlements."""
    watched: set[int] = engine.state.notes[subscription["id"]].setdefault("watched", set())
    for moment in _moments(engine, subscription):
        if moment >= engine.now and moment not in watched:
            watched.add(moment)
            again = partial(advance, engine, subscription["id"])
            engine.state.at(moment, again, about=subscription["id"])
    active_entitlements.refresh(engine, subscription["customer"])


def _moments(engine: Engine, subscription: StripeObject) -> set[int]:
    ends = {item["current_period_end"] for item in subscription["items"]["data"]}
    found = ends | {moment - UPCOMING_SECONDS for moment in ends}
    found |= set(phases.moments(engine, subscription))
    if subscription["status"] == "incomplete":
        found.add(subscription["created"] + INCOMPLETE_SECONDS)
    if subscription["trial_end"]:
        found |= {subscription["trial_end"] - WARNING_SECONDS, subscription["trial_end"]}
    if subscription["cancel_at"]:
        found.add(subscription["cancel_at"])
    if subscription["pause_collection"] and subscription["pause_collection"]["resumes_at"]:
        found.add(subscription["pause_collection"]["resumes_at"])
    return found


def advance(engine: Engine, subscription_id: str) -> None:
    """Let happen what is due to a subscription by now, one thing after the other."""
    subscription = engine.state.objects.get(subscription_id)
    if subscription is None:
        return
    happened = True
    while happened and subscription["status"] not in TERMINAL:
        happened = any(step(engine, subscription) for step in STEPS)
    if subscription["status"] not in TERMINAL:
        schedule(engine, subscription)


def _expire_incomplete(engine: Engine, subscription: StripeObject) -> bool:
    if (
        subscription["status"] != "incomplete"
        or engine.now < subscription["created"] + INCOMPLETE_SECONDS
    ):
        return False
    expire(engine, subscription)
    return True


def warn_of_trial_end(engine: Engine, subscription: StripeObject) -> bool:
    """`trial_will_end`: three days before, or at once for a shorter trial."""
    notes = engine.state.notes[subscription["id"]]
    trial_end = subscription["trial_end"]
    if (
        subscription["status"] != "trialing"
        or notes.get("warned_of") == trial_end
        or engine.now < trial_end - WARNING_SECONDS
    ):
        return False
    notes["warned_of"] = trial_end
    engine.emit("customer.subscription.trial_will_end", subscription)
    return True


def _tell_of_upcoming_invoice(engine: Engine, subscription: StripeObject) -> bool:
    """`invoice.upcoming`, whose invoice has no id; none for a period that is shorter than that."""
    notes = engine.state.notes[subscription["id"]]
    moment = period_end(subscription)
    if (
        subscription["status"] not in {"active", "past_due", "trialing"}
        or notes.get("told_of_upcoming") == moment
        or engine.now != moment - UPCOMING_SECONDS
    ):
        return False
    notes["told_of_upcoming"] = moment
    try:
        invoice = upcoming_invoices.renewal(engine, subscription)
    except SandboxError:
        return False
    engine.emit("invoice.upcoming", {key: invoice[key] for key in invoice if key != "id"})
    return True


def _resume_collection(engine: Engine, subscription: StripeObject) -> bool:
    paused = subscription["pause_collection"]
    if not paused or not paused["resumes_at"] or engine.now < paused["resumes_at"]:
        return False
    with engine.changing(subscription, UPDATED):
        subscription["pause_collection"] = None
    return True


def _end_as_planned(engine: Engine, subscription: StripeObject) -> bool:
    """Pending items are invoiced at the end; time that was paid for and is cut off is credited."""
    if not subscription["cancel_at"] or engine.now < subscription["cancel_at"]:
        return False
    behavior = engine.state.notes[subscription["id"]].get("end_prorates", "create_prorations")
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    is_cut = engine.now < max(ends)
    end(
        engine,
        subscription,
        prorates=is_cut and behavior != "none",
        invoices_now=not is_cut or behavior == "always_invoice",
    )
    return True


def _enter_phase(engine: Engine, subscription: StripeObject) -> bool:
    if not phases.is_due(engine, subscription):
        return False
    phases.proceed(engine, subscription)
    return True


def _finish_trial(engine: Engine, subscription: StripeObject) -> bool:
    if subscription["status"] != "trialing" or engine.now < subscription["trial_end"]:
        return False
    finish_trial(engine, subscription, is_at_once=False)
    return True


def finish_trial(engine: Engine, subscription: StripeObject, *, is_at_once: bool) -> None:
    """The trial is over: charge, or do as `trial_settings` say without a payment method."""
    has_payer = invoices.payer(engine, subscription) is not None
    behaviour = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if not has_payer and subscription["collection_method"] == "charge_automatically":
        if behaviour == "cancel":
            end(engine, subscription)
            return
        if behaviour == "pause":
            pause(engine, subscription, kind="trial_end_without_payment_method")
            return
    items = subscription["items"]["data"]
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "active"
        subscription["billing_cycle_anchor"] = engine.now
        period = subscription["trial_start"] or engine.now, engine.now
        start_period(items, start=engine.now, anchor=engine.now)
        invoice = billing.bill(
            engine,
            subscription,
            reason="subscription_cycle",
            items=items,
            is_at_once=is_at_once,
            period=period,
        )
        subscription["status"] = dunning.standing(engine, subscription)
    dunning.watch(engine, invoice)
    active_entitlements.take_features(engine, subscription)


def _renew(engine: Engine, subscription: StripeObject) -> bool:
    """Begin the next period; its invoice is a draft for an hour."""
    if subscription["status"] not in RENEWED or engine.now < period_end(subscription):
        return False
    items = [
        item for item in subscription["items"]["data"] if item["current_period_end"] <= engine.now
    ]
    period = min(item["current_period_start"] for item in items), engine.now
    with engine.changing(subscription, UPDATED):
        anchor = subscription["billing_cycle_anchor"]
        for item in items:
            start_period([item], start=item["current_period_end"], anchor=anchor)
        invoice = billing.bill(
            engine,
            subscription,
            reason="subscription_cycle",
            items=items,
            is_at_once=False,
            period=period,
        )
    dunning.watch(engine, invoice)
    active_entitlements.take_features(engine, subscription)
    return True


Step = Callable[["Engine", StripeObject], bool]

STEPS: tuple[Step, ...] = (
    _expire_incomplete,
    warn_of_trial_end,
    _tell_of_upcoming_invoice,
    _resume_collection,
    _end_as_planned,
    _enter_phase,
    _finish_trial,
    _renew,
)
"""What may be due, in the order in which it happens; each says whether it happened."""
