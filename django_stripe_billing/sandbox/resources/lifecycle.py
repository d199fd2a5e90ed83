"""What happens to a subscription by itself: trial ends, renewals, failed payments, its end.

https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..periods import DAY, HOUR
from ..state import StripeObject
from . import active_entitlements, invoices
from .subscription_items import start_period

if TYPE_CHECKING:
    from ..engine import Engine

TERMINAL = {"canceled", "incomplete_expired"}
INCOMPLETE_SECONDS = 23 * HOUR
WARNING_SECONDS = 3 * DAY
RETRY_DAYS = (3, 5, 7)
"""Days after the first failure on which a payment is tried again; then it is given up."""

UPDATED = "customer.subscription.updated"


def schedule(engine: Engine, subscription: StripeObject) -> None:
    """Look at a subscription again when something is due, and tell of its entitlements."""
    moments = [item["current_period_end"] for item in subscription["items"]["data"]]
    if subscription["status"] == "incomplete":
        moments.append(subscription["created"] + INCOMPLETE_SECONDS)
    if subscription["trial_end"]:
        moments += [subscription["trial_end"] - WARNING_SECONDS, subscription["trial_end"]]
    if subscription["cancel_at"]:
        moments.append(subscription["cancel_at"])
    moments += engine.state.notes[subscription["id"]].get("retries", [])
    advance_it = partial(advance, engine, subscription["id"])
    for moment in {moment for moment in moments if moment > engine.now}:
        engine.state.at(moment, advance_it)
    overdue = min(moments) <= engine.now and subscription["status"] in {"active", "past_due"}
    if overdue and period_end(subscription) <= engine.now:
        engine.state.at(engine.now, advance_it)
    active_entitlements.refresh(engine, subscription["customer"])


def period_end(subscription: StripeObject) -> int:
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def advance(engine: Engine, subscription_id: str) -> None:
    """Let happen what is due to a subscription by now."""
    subscription = engine.state.objects[subscription_id]
    now, status = engine.now, subscription["status"]
    notes = engine.state.notes[subscription_id]
    if status in TERMINAL:
        return
    if status == "incomplete" and now >= subscription["created"] + INCOMPLETE_SECONDS:
        expire(engine, subscription)
        return
    warn_of_trial_end(engine, subscription)
    if subscription["cancel_at"] and now >= subscription["cancel_at"]:
        end(engine, subscription)
        return
    if status == "trialing" and now >= subscription["trial_end"]:
        finish_trial(engine, subscription)
    elif status in {"active", "past_due"} and now >= period_end(subscription):
        renew(engine, subscription)
    elif status == "past_due" and notes.get("retries") and now >= notes["retries"][0]:
        retry(engine, subscription)
    else:
        return
    schedule(engine, subscription)


def warn_of_trial_end(engine: Engine, subscription: StripeObject) -> None:
    """`trial_will_end`: three days before, or at once for a shorter trial."""
    notes = engine.state.notes[subscription["id"]]
    trial_end = subscription["trial_end"]
    if subscription["status"] != "trialing" or notes.get("warned_of") == trial_end:
        return
    if engine.now >= trial_end - WARNING_SECONDS:
        notes["warned_of"] = trial_end
        engine.emit("customer.subscription.trial_will_end", subscription)


def finish_trial(engine: Engine, subscription: StripeObject) -> None:
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
    start = min(subscription["trial_end"], engine.now)
    with engine.changing(subscription, UPDATED):
        subscription["billing_cycle_anchor"] = start
        start_period(subscription["items"]["data"], start=start, anchor=start)
        settle(engine, subscription, reason="subscription_cycle")


def renew(engine: Engine, subscription: StripeObject) -> None:
    """Begin the next period and bill it."""
    with engine.changing(subscription, UPDATED):
        for item in subscription["items"]["data"]:
            if item["current_period_end"] <= engine.now:
                start_period(
                    [item],
                    start=item["current_period_end"],
                    anchor=subscription["billing_cycle_anchor"],
                )
        settle(engine, subscription, reason="subscription_cycle")
    active_entitlements.take_features(engine, subscription)


def settle(engine: Engine, subscription: StripeObject, *, reason: str) -> None:
    """Bill the period and set the status by the outcome; the caller tells of the change."""
    notes = engine.state.notes[subscription["id"]]
    if invoices.bill(engine, subscription, reason=reason):
        subscription["status"] = "active"
        notes.pop("retries", None)
    else:
        subscription["status"] = "past_due"
        notes["retries"] = [engine.now + days * DAY for days in RETRY_DAYS]


def retry(engine: Engine, subscription: StripeObject) -> None:
    """Try again to collect the latest invoice; after the last attempt the subscription ends."""
    notes = engine.state.notes[subscription["id"]]
    notes["retries"] = [moment for moment in notes["retries"] if moment > engine.now]
    pay_latest(engine, subscription)
    if subscription["status"] == "past_due" and not notes.get("retries"):
        end(engine, subscription, reason="payment_failed")


def pay_latest(engine: Engine, subscription: StripeObject) -> bool:
    """Try to collect the latest invoice; a paid one makes the subscription active."""
    invoice = engine.state.objects[subscription["latest_invoice"]]
    if invoice["status"] == "open" and not invoices.collect(
        engine, invoice, method_id=invoices.payer(engine, subscription)
    ):
        return False
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "active"
    engine.state.notes[subscription["id"]].pop("retries", None)
    return True


def pause(engine: Engine, subscription: StripeObject, *, kind: str) -> None:
    """Service is suspended: no invoices and no new periods until it is resumed."""
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "paused"
        subscription["status_details"] = {
            "paused": {
                "subscription": {"type": kind},
                "transitioned_at": engine.now,
                "type": "subscription",
            }
        }
    engine.emit("customer.subscription.paused", subscription)


def expire(engine: Engine, subscription: StripeObject) -> None:
    """The first payment did not come in time; told as `updated`."""
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "incomplete_expired"
        subscription["ended_at"] = engine.now
    invoices.void(engine, engine.state.objects[subscription["latest_invoice"]])
    active_entitlements.refresh(engine, subscription["customer"])


def end(
    engine: Engine, subscription: StripeObject, *, reason: str = "cancellation_requested"
) -> None:
    """The subscription ends now."""
    if subscription["status"] in TERMINAL:
        return
    subscription["status"] = "canceled"
    subscription["canceled_at"] = subscription["canceled_at"] or engine.now
    subscription["ended_at"] = engine.now
    details = subscription["cancellation_details"]
    details["reason"] = details["reason"] or reason
    engine.emit("customer.subscription.deleted", subscription)
    active_entitlements.refresh(engine, subscription["customer"])
