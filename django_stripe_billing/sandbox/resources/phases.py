"""The phases of a subscription's schedule: which one is due, and what entering it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..state import StripeObject
from . import (
    invoice_items,
    metered_lines,
    phase_terms,
    plan_changes,
    prorations,
    splits,
    subscription_items,
    subscription_schedule_object,
)
from .subscription_endings import UPDATED

if TYPE_CHECKING:
    from ..engine import Engine


def _schedule_of(engine: Engine, subscription: StripeObject) -> StripeObject | None:
    schedule = engine.state.objects.get(subscription["schedule"] or "")
    return schedule if schedule is not None and schedule["status"] == "active" else None


def moments(engine: Engine, subscription: StripeObject) -> list[int]:
    """When phases begin or end."""
    schedule = _schedule_of(engine, subscription)
    if schedule is None:
        return []
    return [
        moment
        for phase in schedule["phases"]
        for moment in (phase["start_date"], phase["end_date"])
    ]


def is_due(engine: Engine, subscription: StripeObject) -> bool:
    """Whether the current phase is over."""
    schedule = _schedule_of(engine, subscription)
    return schedule is not None and schedule["current_phase"]["end_date"] <= engine.now


def phase_at(schedule: StripeObject, moment: int) -> dict[str, Any] | None:
    """The phase that holds a moment."""
    for phase in schedule["phases"]:
        if phase["start_date"] <= moment < phase["end_date"]:
            found: dict[str, Any] = phase
            return found
    return None


def proceed(engine: Engine, subscription: StripeObject) -> None:
    """Enter the next phase; after the last one the schedule lets go of its subscription."""
    schedule = _schedule_of(engine, subscription)
    assert schedule is not None  # noqa: S101 - `is_due` said so
    phase = phase_at(schedule, engine.now)
    if phase is None:
        schedule["completed_at"] = engine.now
        engine.emit("subscription_schedule.completed", schedule)
        release(engine, subscription, schedule, keeps_end=True)
        return
    enter(engine, subscription, phase, schedule)
    with engine.changing(schedule, "subscription_schedule.updated"):
        schedule["current_phase"] = {
            "end_date": phase["end_date"],
            "start_date": phase["start_date"],
        }


def plan_end(subscription: StripeObject, moment: int | None, *, asked_at: int = 0) -> None:
    """The subscription ends with its schedule, or (None) does not any more."""
    subscription["cancel_at"] = moment
    subscription["canceled_at"] = None if moment is None else asked_at


def take_over(subscription: StripeObject, schedule: StripeObject, *, now: int) -> None:
    """The subscription was changed directly: its present phase says so from now on."""
    phase = phase_at(schedule, now)
    if phase is not None:
        phase["items"] = [
            subscription_schedule_object.item(
                item["price"], item["quantity"], metadata=item["metadata"]
            )
            for item in subscription["items"]["data"]
        ]
        splits.take(phase, subscription)
        phase.update(phase_terms.of_subscription(subscription))


def take_over_trial(subscription: StripeObject, schedule: StripeObject, *, now: int) -> None:
    """The trial was changed directly: the present phase says so, and ends when it did."""
    phase = phase_at(schedule, now)
    if phase is not None:
        is_trial = subscription["status"] == "trialing"
        ends = min(subscription["trial_end"], phase["end_date"]) if is_trial else None
        phase["trial_end"] = ends


def enter(
    engine: Engine, subscription: StripeObject, phase: dict[str, Any], schedule: StripeObject
) -> None:
    """Change the subscription to what a phase says; at a period's end without prorations."""
    params: dict[str, Any] = {
        "items": _changes(subscription, phase),
        "proration_behavior": phase["proration_behavior"],
    }
    if phase["billing_cycle_anchor"] == "phase_start":
        params["billing_cycle_anchor"] = {"type": "now"}
    with engine.changing(subscription, UPDATED):
        if _is_renewed(subscription, engine.now):
            _swap(engine, subscription, params)
        else:
            wanted = plan_changes.plan(engine, subscription, params)
            plan_changes.apply(engine, subscription, wanted)
        take_terms(engine, subscription, phase, schedule)
        if phase["metadata"]:
            subscription["metadata"] = {**subscription["metadata"], **phase["metadata"]}


def take_terms(
    engine: Engine, subscription: StripeObject, phase: dict[str, Any], schedule: StripeObject
) -> None:
    """What a phase says besides its items."""
    splits.take(subscription, phase)
    phase_terms.take(engine, subscription, phase, schedule["default_settings"])


def _is_renewed(subscription: StripeObject, moment: int) -> bool:
    return all(item["current_period_end"] <= moment for item in subscription["items"]["data"])


def _swap(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    """Only exchange the items: their period is over, and the renewal that follows bills them."""
    items, anchor = _swapped(engine, subscription, params["items"], at=engine.now)
    if params["proration_behavior"] != "none" and subscription["status"] in prorations.BILLED:
        for line in metered_lines.of_removed(engine, subscription, new=items, until=engine.now):
            invoice_items.add(engine, subscription["customer"], line)
    metered_lines.begin(engine, subscription, items)
    subscription["items"]["data"], subscription["billing_cycle_anchor"] = items, anchor


def _swapped(
    engine: Engine, subscription: StripeObject, changes: list[dict[str, Any]], *, at: int
) -> tuple[list[StripeObject], int]:
    items = [dict(item) for item in subscription["items"]["data"]]
    interval_changed = subscription_items.change(engine, items, changes, subscription)
    for item in items:
        item["current_period_end"] = at
        item["current_period_start"] = min(item["current_period_start"], at)
    return items, at if interval_changed else subscription["billing_cycle_anchor"]


def _changes(subscription: StripeObject, phase: dict[str, Any]) -> list[dict[str, Any]]:
    """A phase's items as an update would give them: kept by price, else exchanged in order.

    Their prices were active when the phase was planned, and may have been archived meanwhile.
    """
    held = list(subscription["items"]["data"])
    wanted = list(phase["items"])
    pairs: list[tuple[StripeObject | None, dict[str, Any]]] = []
    for entry in wanted:
        same = next((item for item in held if item["price"]["id"] == entry["price"]), None)
        if same is not None:
            held.remove(same)
        pairs.append((same, entry))
    changes: list[dict[str, Any]] = []
    for same, entry in pairs:
        item = same or (held.pop(0) if held else None)
        change: dict[str, Any] = {} if same else {"price": entry["price"], "is_planned": True}
        if entry.get("quantity") is not None:
            change["quantity"] = entry["quantity"]
        if entry["metadata"]:
            change["metadata"] = entry["metadata"]
        changes.append(change if item is None else {"id": item["id"], **change})
    return changes + [{"id": item["id"], "deleted": True} for item in held]


def items_from(
    engine: Engine, subscription: StripeObject, due: list[StripeObject], *, at: int
) -> list[StripeObject]:
    """The items that a renewal at a moment bills, by the phase that holds it.

    `subscription` is a copy whose billing cycle anchor may be moved.
    """
    schedule = _schedule_of(engine, subscription)
    phase = schedule and phase_at(schedule, at)
    if not phase or not _is_renewed(subscription, at):
        return due
    items, anchor = _swapped(engine, subscription, _changes(subscription, phase), at=at)
    subscription["billing_cycle_anchor"] = anchor
    return items


def release(
    engine: Engine, subscription: StripeObject, schedule: StripeObject, *, keeps_end: bool
) -> None:
    """The schedule lets go of the subscription, which lives on as it is.

    `keeps_end` leaves the end that the schedule has given it.
    """
    schedule.update(
        status="released",
        released_at=engine.now,
        released_subscription=subscription["id"],
        subscription=None,
        current_phase=None,
    )
    with engine.changing(subscription, UPDATED):
        subscription["schedule"] = None
        if not keeps_end:
            plan_end(subscription, None)
    engine.emit("subscription_schedule.released", schedule)
