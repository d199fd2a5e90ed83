"""Updating a subscription. https://docs.stripe.com/api/subscriptions/update"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..routes import Call
from ..state import StripeObject
from . import (
    discounts,
    invoice_items,
    invoices,
    lifecycle,
    payment_methods,
    pending_updates,
    phases,
    plan_changes,
    prorations,
    splits,
    subscription_items,
    tax_rates,
)
from .metadata import take
from .subscription_endings import TERMINAL, UPDATED
from .upcoming_invoices import period_end

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
    subscription = call.engine.state.get("subscription", call.ids[0])
    change(call.engine, subscription, call.params)
    return subscription


def change(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    """Carry out an update. Raises SandboxError, with nothing changed."""
    _check(engine, subscription, params)
    wanted = plan_changes.plan(engine, subscription, params)
    moment = end_asked_for(engine, subscription, params)
    behavior = params.get("payment_behavior", "allow_incomplete")
    if behavior == "pending_if_incomplete":
        pending_updates.check(params)
    billed = wanted
    if _ends_trial(subscription, params):
        billed = plan_changes.of_trial_end_now(engine, wanted)
    is_refused = billed.invoices_now and not _is_payable(engine, subscription, params, billed)
    if is_refused and behavior == "error_if_incomplete":
        method_id = params.get("default_payment_method") or invoices.payer(engine, subscription)
        raise payment_methods.refusal(engine, method_id)
    if is_refused and behavior == "pending_if_incomplete":
        with engine.changing(subscription, UPDATED):
            pending_updates.hold(engine, subscription, wanted)
        return
    with engine.changing(subscription, UPDATED):
        take(subscription, params, "description", "days_until_due", "collection_method")
        _take_details(engine, subscription, params)
        if params.keys() & {"items", "add_invoice_items"} or wanted.starts_anew:
            waits = behavior == "default_incomplete"
            plan_changes.apply(engine, subscription, wanted, waits_for_payment=waits)
        schedule = engine.state.objects.get(subscription["schedule"] or "")
        if schedule is not None:
            phases.take_over(subscription, schedule, now=engine.now)
        _take_end(engine, subscription, params, moment)
    _take_trial_end(engine, subscription, params)
    if schedule is not None:
        phases.take_over_trial(subscription, schedule, now=engine.now)
    if subscription["status"] not in TERMINAL:
        lifecycle.schedule(engine, subscription)


def _ends_trial(subscription: StripeObject, params: dict[str, Any]) -> bool:
    return params.get("trial_end") == "now" and subscription["status"] == "trialing"


def _check(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
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
    if subscription["schedule"] and ("cancel_at_period_end" in params or "cancel_at" in params):
        raise SandboxError(
            "The subscription is managed by the subscription schedule"
            f" `{subscription['schedule']}`, and updating any cancelation behavior directly is not"
            " allowed. Please update the schedule instead."
        )
    splits.check(engine, {**{name: subscription[name] for name in splits.NAMES}, **params})
    trial_end = params.get("trial_end")
    if isinstance(trial_end, int) and trial_end <= engine.now:
        raise SandboxError("trial_end must be in the future.", param="trial_end")
    if params.get("collection_method") == "send_invoice":
        days = params.get("days_until_due", subscription["days_until_due"])
        if days is None:
            raise SandboxError(
                "days_until_due is required with collection_method=send_invoice.",
                code="parameter_missing",
                param="days_until_due",
            )
    if params.get("default_payment_method"):
        name = "default_payment_method"
        method = payment_methods.resolve(engine, params[name], param=name)
        payment_methods.attach_to(engine, method, subscription["customer"], param=name)
        params[name] = method["id"]


def _is_payable(
    engine: Engine,
    subscription: StripeObject,
    params: dict[str, Any],
    wanted: plan_changes.Plan,
) -> bool:
    """Whether the invoice that a change makes at once would be paid."""
    invoice = plan_changes.invoice_of(engine, subscription, wanted)
    method_id = params.get("default_payment_method") or invoices.payer(engine, subscription)
    return (
        invoice["amount_due"] == 0
        or subscription["collection_method"] == "send_invoice"
        or (method_id is not None and payment_methods.is_charged(engine, method_id))
    )


def _take_details(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    if "discounts" in params:
        discounts.set_on_subscription(engine, subscription, params["discounts"])
    if "default_tax_rates" in params:
        name = "default_tax_rates"
        subscription[name] = tax_rates.named(engine, params[name], param=name)
    given = params.get("cancellation_details") or {}
    subscription["cancellation_details"].update(
        {key: value or None for key, value in given.items()}
    )
    if params.get("default_payment_method"):
        subscription["default_payment_method"] = params["default_payment_method"]
    if "pause_collection" in params:
        given = params["pause_collection"]
        subscription["pause_collection"] = (
            {"behavior": given["behavior"], "resumes_at": given.get("resumes_at")}
            if given
            else None
        )
    payments = params.get("payment_settings") or {}
    if payments.get("save_default_payment_method"):
        name = "save_default_payment_method"
        subscription["payment_settings"][name] = payments[name]
    for name in ("payment_method_options", "payment_method_types"):
        if name in payments:
            subscription["payment_settings"][name] = payments[name] or None
    splits.take(subscription, params)
    if "trial_settings" in params:
        subscription["trial_settings"] = params["trial_settings"]


def end_asked_for(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> int | None:
    """The moment at which an update lets the subscription end. Raises SandboxError for the past."""
    if "cancel_at_period_end" in params:
        ends = bool(params["cancel_at_period_end"])
        return period_end(subscription) if ends else None
    if "cancel_at" not in params:
        held: int | None = subscription["cancel_at"]
        return held
    given = params["cancel_at"]
    ends_of = [item["current_period_end"] for item in subscription["items"]["data"]]
    named = {"": None, "min_period_end": min(ends_of), "max_period_end": max(ends_of)}
    named["max_billed_until"] = max(ends_of)
    moment = named[given] if given in named else int(given)
    if moment is not None and moment <= engine.now:
        raise SandboxError("cancel_at must be in the future.", param="cancel_at")
    return moment


def _take_end(
    engine: Engine, subscription: StripeObject, params: dict[str, Any], moment: int | None
) -> None:
    if "cancel_at_period_end" in params:
        subscription["cancel_at_period_end"] = bool(params["cancel_at_period_end"])
    elif "cancel_at" in params:
        subscription["cancel_at_period_end"] = False
    else:
        if subscription["cancel_at_period_end"]:
            subscription["cancel_at"] = period_end(subscription)
        return
    engine.state.notes[subscription["id"]]["end_prorates"] = (
        params.get("proration_behavior") or "create_prorations"
    )
    subscription["cancel_at"] = moment
    subscription["canceled_at"] = None if moment is None else engine.now
    subscription["cancellation_details"]["reason"] = (
        None if moment is None else "cancellation_requested"
    )


def _take_trial_end(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    given = params.get("trial_end")
    if _ends_trial(subscription, params):
        with engine.changing(subscription, UPDATED):
            subscription["trial_end"] = engine.now
        lifecycle.finish_trial(engine, subscription, is_at_once=True)
    elif isinstance(given, int):
        begin_trial(
            engine,
            subscription,
            trial_end=given,
            is_credited=params.get("proration_behavior") != "none",
            credited_from=params.get("proration_date"),
        )


def begin_trial(
    engine: Engine,
    subscription: StripeObject,
    *,
    trial_end: int,
    is_credited: bool,
    credited_from: int | None = None,
) -> None:
    """A trial from now on, or another end of the trial that runs.

    `is_credited`: what was paid for is given back as far as it is unused, from now or a moment on.
    """
    items = subscription["items"]["data"]
    if is_credited and subscription["status"] in prorations.BILLED:
        at = engine.now if credited_from is None else credited_from
        for entry in prorations.credits(engine, subscription, items, at=at):
            invoice_items.add(engine, subscription["customer"], entry)
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "trialing"
        subscription["trial_start"] = subscription["trial_start"] or engine.now
        subscription["trial_end"] = subscription["billing_cycle_anchor"] = trial_end
        changed = [dict(item) for item in items]
        subscription_items.start_period(changed, start=engine.now, anchor=trial_end, end=trial_end)
        subscription["items"]["data"] = changed
        if subscription["cancel_at_period_end"]:
            subscription["cancel_at"] = period_end(subscription)
    lifecycle.warn_of_trial_end(engine, subscription)
