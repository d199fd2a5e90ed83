"""Subscription schedules: a plan change that waits for its moment.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..errors import SandboxError
from ..lists import created_in, equal, is_shown, paginate
from ..periods import DAY
from ..routes import Call, Operation
from ..state import StripeObject
from . import (
    lifecycle,
    phase_terms,
    phases,
    splits,
    subscription_schedule_object,
    subscriptions,
)
from .metadata import take
from .subscription_changes import begin_trial
from .subscription_endings import TERMINAL, UPDATED, end

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "subscription_schedule"
EXPIRING_SECONDS = 7 * DAY
"""How long before its end a schedule is told to be expiring."""


def create(call: Call) -> StripeObject:
    if "from_subscription" in call.params:
        return _from_subscription(call)
    engine, params = call.engine, call.params
    customer = engine.state.get(
        "customer", params.get("customer", ""), param="customer", status=400
    )
    start = params.get("start_date", "now")
    start = engine.now if start == "now" else start
    if start < engine.now:
        raise SandboxError("The sandbox starts no schedule in the past.", param="start_date")
    found = subscription_schedule_object.read_phases(
        engine, params.get("phases") or [], start=start
    )
    if not found:
        raise SandboxError(
            "Missing required param: phases.", code="parameter_missing", param="phases"
        )
    schedule = subscription_schedule_object.build(engine, customer["id"], found, params)
    if start == engine.now:
        _start(engine, schedule)
    engine.state.add(schedule)
    engine.emit("subscription_schedule.created", schedule)
    if start > engine.now:
        later = partial(_start_later, engine, schedule["id"])
        engine.state.at(start, later, about=schedule["id"])
    _warn_before_end(engine, schedule)
    return schedule


def _start_later(engine: Engine, schedule_id: str) -> None:
    schedule = engine.state.objects.get(schedule_id)
    if schedule is None or schedule["status"] != "not_started":
        return
    if schedule["customer"] not in engine.state.objects:
        schedule.update(status="canceled", canceled_at=engine.now)
        engine.emit("subscription_schedule.canceled", schedule)
    else:
        with engine.changing(schedule, "subscription_schedule.updated"):
            _start(engine, schedule)


def _start(engine: Engine, schedule: StripeObject) -> None:
    first = schedule["phases"][0]
    subscription = subscriptions.add(
        engine,
        {
            "customer": schedule["customer"],
            "items": [
                {"price": item["price"]}
                | ({} if item["quantity"] is None else {"quantity": item["quantity"]})
                for item in first["items"]
            ],
            **splits.of_phase(first),
        },
        is_scheduled=True,
    )
    phase_terms.take(engine, subscription, first, schedule["default_settings"])
    _attach(engine, schedule, subscription, first)


def _attach(
    engine: Engine, schedule: StripeObject, subscription: StripeObject, phase: StripeObject
) -> None:
    schedule["status"], schedule["subscription"] = "active", subscription["id"]
    schedule["current_phase"] = {"end_date": phase["end_date"], "start_date": phase["start_date"]}
    if schedule["id"] not in engine.state.objects:
        engine.state.add(schedule)
    with engine.changing(subscription, UPDATED):
        subscription["schedule"] = schedule["id"]
    _plan_end(engine, schedule, subscription)
    lifecycle.schedule(engine, subscription)


def _plan_end(engine: Engine, schedule: StripeObject, subscription: StripeObject) -> None:
    """With end_behavior=cancel the subscription ends with the last phase."""
    ends = schedule["phases"][-1]["end_date"] if schedule["end_behavior"] == "cancel" else None
    if ends != subscription["cancel_at"]:
        with engine.changing(subscription, UPDATED):
            phases.plan_end(subscription, ends, asked_at=engine.now)


def _from_subscription(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    for name in params:
        if name != "from_subscription":
            raise SandboxError(
                f"You cannot set `{name}` if `from_subscription` is set.", param=name
            )
    subscription = engine.state.get(
        "subscription", params["from_subscription"], param="from_subscription", status=400
    )
    if subscription["status"] in TERMINAL:
        raise SandboxError("You cannot migrate a subscription that has ended to a schedule.")
    if subscription["schedule"]:
        raise SandboxError(
            "You cannot migrate a subscription that is already attached to a schedule:"
            f" {subscription['schedule']}"
        )
    items = subscription["items"]["data"]
    phase = subscription_schedule_object.phase(
        [
            subscription_schedule_object.item(
                item["price"], item["quantity"], metadata=item["metadata"]
            )
            for item in items
        ],
        currency=subscription["currency"],
        start=min(item["current_period_start"] for item in items),
        end=subscription["cancel_at"] or min(item["current_period_end"] for item in items),
        split=subscription,
        terms=phase_terms.of_subscription(subscription),
        trial_end=subscription["trial_end"] if subscription["status"] == "trialing" else None,
    )
    schedule = subscription_schedule_object.build(engine, subscription["customer"], [phase], params)
    schedule["billing_mode"] = dict(subscription["billing_mode"])
    schedule["default_settings"] |= phase_terms.defaults_of(subscription)
    if subscription["cancel_at"]:
        schedule["end_behavior"] = "cancel"
    _attach(engine, schedule, subscription, phase)
    engine.emit("subscription_schedule.created", schedule)
    return schedule


def update(call: Call) -> StripeObject:
    """Other phases; when the present one asks for other items, they change at once."""
    engine, params = call.engine, call.params
    schedule = retrieve(call)
    _check_live(schedule, "update")
    found = None
    if "phases" in params:
        start = (schedule["current_phase"] or schedule["phases"][0])["start_date"]
        found = subscription_schedule_object.read_phases(engine, params["phases"], start=start)
        if not found or (schedule["status"] == "active" and not _holds(found, engine.now)):
            raise SandboxError(
                "One of the phases must hold the present moment, as the current one does.",
                param="phases",
            )
    with engine.changing(schedule, "subscription_schedule.updated"):
        take(schedule, params, "end_behavior")
        if found is not None:
            schedule["phases"] = found
        _follow(engine, schedule, params.get("proration_behavior"))
    _warn_before_end(engine, schedule)
    return schedule


def _holds(found: list[StripeObject], moment: int) -> bool:
    return any(phase["start_date"] <= moment < phase["end_date"] for phase in found)


def _follow(engine: Engine, schedule: StripeObject, proration_behavior: str | None) -> None:
    if schedule["status"] != "active":
        return
    subscription = engine.state.objects[schedule["subscription"]]
    phase = phases.phase_at(schedule, engine.now)
    assert phase is not None  # noqa: S101 - `update` has checked that
    schedule["current_phase"] = {"end_date": phase["end_date"], "start_date": phase["start_date"]}
    held = {(item["price"]["id"], item["quantity"]) for item in subscription["items"]["data"]}
    if held != {(item["price"], item["quantity"]) for item in phase["items"]}:
        behavior = proration_behavior or phase["proration_behavior"]
        phases.enter(engine, subscription, {**phase, "proration_behavior": behavior}, schedule)
    else:
        with engine.changing(subscription, UPDATED):
            phases.take_terms(engine, subscription, phase, schedule)
    if phase["trial_end"] not in {None, subscription["trial_end"]}:
        begin_trial(engine, subscription, trial_end=phase["trial_end"], is_credited=False)
    _plan_end(engine, schedule, subscription)
    lifecycle.schedule(engine, subscription)


def _warn_before_end(engine: Engine, schedule: StripeObject) -> None:
    moment = schedule["phases"][-1]["end_date"] - EXPIRING_SECONDS
    if moment > engine.now:
        engine.state.at(moment, partial(_tell_of_end, engine, schedule["id"]), about=schedule["id"])


def _tell_of_end(engine: Engine, schedule_id: str) -> None:
    schedule = engine.state.objects.get(schedule_id)
    if (
        schedule is not None
        and schedule["status"] == "active"
        and schedule["phases"][-1]["end_date"] - EXPIRING_SECONDS == engine.now
    ):
        engine.emit("subscription_schedule.expiring", schedule)


def _check_live(schedule: StripeObject, verb: str) -> None:
    if schedule["status"] not in {"active", "not_started"}:
        raise SandboxError(
            f"You cannot {verb} a subscription schedule that is in the `{schedule['status']}`"
            " status."
        )


def release(call: Call) -> StripeObject:
    schedule = retrieve(call)
    _check_live(schedule, "release")
    subscription = call.engine.state.objects.get(schedule["subscription"] or "")
    if subscription is None:
        raise SandboxError("This schedule has not started: cancel it instead.")
    keeps_end = call.params.get("preserve_cancel_date", False)
    phases.release(call.engine, subscription, schedule, keeps_end=keeps_end)
    return schedule


def cancel(call: Call) -> StripeObject:
    """Its subscription ends with it, at once."""
    engine, schedule = call.engine, retrieve(call)
    _check_live(schedule, "cancel")
    subscription = engine.state.objects.get(schedule["subscription"] or "")
    if subscription is not None:
        end(
            engine,
            subscription,
            prorates=call.params.get("prorate", True),
            invoices_now=call.params.get("invoice_now", True),
        )
        return schedule
    schedule.update(status="canceled", canceled_at=engine.now)
    engine.emit("subscription_schedule.canceled", schedule)
    engine.emit("subscription_schedule.aborted", schedule)  # so Stripe's command line tool expects
    return schedule


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get(KIND, call.ids[0], called=KIND)


def index(call: Call) -> StripeObject:
    params = call.params
    rows = (
        row
        for row in call.engine.state.all(KIND)
        if equal(params, row, "customer")
        and is_shown(params, row)
        and (not params.get("scheduled") or row["status"] == "not_started")
        and all(created_in(params, name, row[name]) for name in MOMENTS)
    )
    return paginate(rows, params, url="/v1/subscription_schedules")


MOMENTS = ("created", "canceled_at", "completed_at", "released_at")

OPERATIONS: dict[str, Operation] = {
    "GET /v1/subscription_schedules": index,
    "POST /v1/subscription_schedules": create,
    "GET /v1/subscription_schedules/{id}": retrieve,
    "POST /v1/subscription_schedules/{id}": update,
    "POST /v1/subscription_schedules/{id}/cancel": cancel,
    "POST /v1/subscription_schedules/{id}/release": release,
}
