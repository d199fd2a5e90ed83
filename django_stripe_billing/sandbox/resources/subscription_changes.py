"""Updating, pausing and resuming a subscription. https://docs.stripe.com/api/subscriptions/update"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..routes import Call
from ..state import StripeObject
from . import active_entitlements, discounts, lifecycle, payment_methods, subscription_items
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine

ALWAYS = {"metadata", "cancellation_details"}
OPEN_TO = {
    "canceled": ALWAYS,
    "incomplete_expired": ALWAYS,
    "incomplete": {*ALWAYS, "default_source", "default_payment_method"},
}
"""What may still be changed, by status; any other status: everything."""


def update(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    subscription = engine.state.get("subscription", call.ids[0])
    allowed = OPEN_TO.get(subscription["status"])
    for name in params:
        if allowed is not None and name not in allowed:
            raise SandboxError(
                f"A subscription with the status {subscription['status']} can only update"
                f" {', '.join(sorted(allowed))}.",
                param=name,
            )
    if "cancel_at" in params and "cancel_at_period_end" in params:
        raise SandboxError("You may only specify one of cancel_at and cancel_at_period_end.")
    with engine.changing(subscription, lifecycle.UPDATED):
        take(subscription, params, "description", "days_until_due", "collection_method")
        _take_details(engine, subscription, params)
        _take_items(engine, subscription, params)
        _take_cancellation(engine, subscription, params)
    _take_trial_end(engine, subscription, params)
    if subscription["status"] not in lifecycle.TERMINAL:
        lifecycle.schedule(engine, subscription)
    return subscription


def _take_details(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    if "discounts" in params:
        discounts.set_on_subscription(engine, subscription, params["discounts"])
    given = params.get("cancellation_details") or {}
    subscription["cancellation_details"].update(
        {key: value or None for key, value in given.items()}
    )
    if params.get("default_payment_method"):
        name = "default_payment_method"
        method = payment_methods.resolve(engine, params[name], param=name)
        payment_methods.attach_to(engine, method, subscription["customer"], param=name)
        subscription[name] = method["id"]
    if "pause_collection" in params:
        given = params["pause_collection"]
        subscription["pause_collection"] = (
            {"behavior": given["behavior"], "resumes_at": given.get("resumes_at")}
            if given
            else None
        )
    if "trial_settings" in params:
        subscription["trial_settings"] = params["trial_settings"]


def _take_items(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    items = subscription["items"]["data"]
    restarts = (params.get("billing_cycle_anchor") or {}).get("type") == "now"
    if "items" in params:
        changed = [dict(item) for item in items]
        restarts |= subscription_items.change(engine, changed, params["items"], subscription["id"])
        subscription["items"]["data"] = items = changed
        active_entitlements.take_features(engine, subscription)
    if restarts and subscription["status"] in {"active", "past_due"}:
        subscription["billing_cycle_anchor"] = engine.now
        subscription_items.start_period(items, start=engine.now, anchor=engine.now)
        lifecycle.settle(engine, subscription, reason="subscription_update")


def _take_cancellation(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    if "cancel_at_period_end" in params:
        ends = bool(params["cancel_at_period_end"])
        moment = lifecycle.period_end(subscription) if ends else None
        subscription["cancel_at_period_end"] = ends
    elif "cancel_at" in params:
        moment = _moment(subscription, params["cancel_at"])
        subscription["cancel_at_period_end"] = False
        if moment is not None and moment <= engine.now:
            raise SandboxError("cancel_at must be in the future.", param="cancel_at")
    elif subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = lifecycle.period_end(subscription)
        return
    else:
        return
    subscription["cancel_at"] = moment
    subscription["canceled_at"] = None if moment is None else engine.now
    subscription["cancellation_details"]["reason"] = (
        None if moment is None else "cancellation_requested"
    )


def _moment(subscription: StripeObject, given: Any) -> int | None:
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    named = {"": None, "min_period_end": min(ends), "max_period_end": max(ends)}
    named["max_billed_until"] = max(ends)
    return named[given] if given in named else int(given)


def _take_trial_end(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    given = params.get("trial_end")
    if given is None:
        return
    if given == "now":
        if subscription["status"] != "trialing":
            return
        with engine.changing(subscription, lifecycle.UPDATED):
            subscription["trial_end"] = engine.now
        lifecycle.finish_trial(engine, subscription)
        return
    if given <= engine.now:
        raise SandboxError("trial_end must be in the future.", param="trial_end")
    with engine.changing(subscription, lifecycle.UPDATED):
        subscription["status"] = "trialing"
        subscription["trial_start"] = subscription["trial_start"] or engine.now
        subscription["trial_end"] = subscription["billing_cycle_anchor"] = given
        items = subscription["items"]["data"]
        subscription_items.start_period(items, start=engine.now, anchor=given, end=given)
    lifecycle.warn_of_trial_end(engine, subscription)


def pause(call: Call) -> StripeObject:
    subscription = call.engine.state.get("subscription", call.ids[0])
    if subscription["billing_mode"]["type"] != "flexible":
        raise SandboxError("Only subscriptions in flexible billing mode can be paused.")
    if subscription["status"] not in {"active", "trialing", "past_due"}:
        raise SandboxError(
            f"A subscription with the status {subscription['status']} can't be paused."
        )
    lifecycle.pause(call.engine, subscription, kind="pause_requested")
    return subscription


def resume(call: Call) -> StripeObject:
    """A new period begins and is billed; without a payment it stays paused."""
    engine = call.engine
    subscription = engine.state.get("subscription", call.ids[0])
    if subscription["status"] != "paused":
        raise SandboxError("Only a paused subscription can be resumed.")
    with engine.changing(subscription, lifecycle.UPDATED):
        subscription["status"], subscription["status_details"] = "active", None
        if lifecycle.period_end(subscription) <= engine.now or not subscription["trial_end"]:
            subscription["billing_cycle_anchor"] = engine.now
        items = subscription["items"]["data"]
        subscription_items.start_period(items, start=engine.now, anchor=engine.now)
        lifecycle.settle(engine, subscription, reason="subscription_update")
    engine.emit("customer.subscription.resumed", subscription)
    lifecycle.schedule(engine, subscription)
    return subscription
