"""Changes at the end of the paid period: a subscription schedule of two phases.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from ..exceptions import NothingToChangeError, StripeError, SubscriptionStateError
from ..models import Subscription
from ..rules.json_values import identifier, integer, mapping, objects
from ..stripe_api import request
from .finding import Change, own_subscription
from .splitting import SplitChange, held_split
from .writing import failures_settled, key_of, read, settle


def schedule_change(change: Change, split: SplitChange | None = None) -> Subscription:
    """Let the change happen when the paid period is over.

    Without a split for the new plan, it is split as it is now. Raises SubscriptionStateError where
    the subscription ends then, SubscriptionNotFoundError where it has ended and nobody told us, and
    StripeError.
    """
    row = change.subscription
    with failures_settled(row):
        _schedule(change, split)
    return settle(row)


def _schedule(change: Change, split: SplitChange | None) -> None:
    row = change.subscription
    if row.is_ending:
        raise SubscriptionStateError(
            _("The subscription is set to end: take that back first."), status=row.status
        )
    schedule = _open_schedule(row)
    present = _present_phase(schedule)
    start, end = integer(present.get("start_date")), integer(present.get("end_date"))
    if start is None or end is None:
        raise StripeError(f"Stripe's schedule of {row.stripe_id} has no phase that runs.")
    items = [
        {"price": identifier(item.get("price")), "quantity": item.get("quantity")}
        for item in objects(present.get("items"))
    ]
    after = [
        {"price": change.price.stripe_id, "quantity": change.quantity}
        if item["price"] == change.item.price_id
        else item
        for item in items
    ]
    held = held_split(present)
    phases: list[dict[str, Any]] = [
        {
            "items": _known(items),
            "start_date": start,
            "end_date": end,
            **_kept(present),
            **held,
        },
        {
            **(held if split is None else split.wanted),
            "items": _known(after),
            "discounts": _discounts(present),
            "duration": {
                "interval": change.price.interval,
                "interval_count": change.price.interval_count,
            },
            "proration_behavior": "none",
        },
    ]
    params = {"end_behavior": "release", "phases": phases, "proration_behavior": "none"}
    request(
        "post",
        _path(identifier(schedule)),
        params,
        account=row.account,
        idempotency_key=key_of(row, "schedule", params),
    )


def withdraw_scheduled_change(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Take back a change that was to happen at the end of the period. Raises NothingToChangeError
    where there is none, and StripeError."""
    row = own_subscription(subscriber, subscription=subscription)
    schedule_id = identifier(read(row).get("schedule"))
    if not schedule_id:
        raise NothingToChangeError(_("No change is scheduled."))
    withdraw_schedule(row, schedule_id)
    return settle(row)


def withdraw_schedule(row: Subscription, schedule_id: str) -> None:
    """Release a schedule: the subscription goes on as it is. Raises StripeError."""
    with failures_settled(row):
        request(
            "post",
            f"{_path(schedule_id)}/release",
            account=row.account,
            idempotency_key=key_of(row, "release", {"schedule": schedule_id}),
        )


@dataclass(frozen=True, kw_only=True)
class ScheduledChange:
    """What the subscription becomes at the end of the period."""

    price_id: str
    """Stripe's."""
    quantity: int | None
    at: datetime


def scheduled_change(subscription: Subscription) -> ScheduledChange | None:
    """The change that waits for the end of the period, as Stripe has it; at most two calls.

    Raises StripeError.
    """
    schedule_id = identifier(read(subscription).get("schedule"))
    if not schedule_id:
        return None
    schedule = request("get", _path(schedule_id), account=subscription.account).data
    running = integer(mapping(schedule.get("current_phase")).get("end_date")) or 0
    for phase in objects(schedule.get("phases")):
        start = integer(phase.get("start_date")) or 0
        for item in objects(phase.get("items")) if 0 < running <= start else ():
            return ScheduledChange(
                price_id=identifier(item.get("price")),
                quantity=integer(item.get("quantity")),
                at=datetime.fromtimestamp(start, UTC),
            )
    return None


def _present_phase(schedule: dict[str, Any]) -> Mapping[str, Any]:
    """The phase that runs: past ones stay in the list."""
    start = mapping(schedule.get("current_phase")).get("start_date")
    phases = objects(schedule.get("phases"))
    return mapping(next((phase for phase in phases if phase.get("start_date") == start), {}))


def _kept(phase: Mapping[str, Any]) -> dict[str, Any]:
    """What a phase would lose if it were not sent again."""
    trial_end = integer(phase.get("trial_end"))
    return {
        "discounts": _discounts(phase),
        **({} if trial_end is None else {"trial_end": trial_end}),
    }


def _discounts(phase: Mapping[str, Any]) -> list[dict[str, str]] | str:
    """A phase's discounts as Stripe takes them; '' for none, or the customer's would be taken."""
    found = []
    for discount in objects(phase.get("discounts")):
        for name in ("discount", "promotion_code", "coupon"):
            if value := identifier(discount.get(name)):
                found.append({name: value})
                break
    return found or ""


def _open_schedule(row: Subscription) -> dict[str, Any]:
    """The subscription's schedule, made from it where there is none."""
    schedule_id = identifier(read(row).get("schedule"))
    if schedule_id:
        return request("get", _path(schedule_id), account=row.account).data
    params = {"from_subscription": row.stripe_id}
    return request(
        "post",
        "/v1/subscription_schedules",
        params,
        account=row.account,
        idempotency_key=key_of(row, "schedule", params),
    ).data


def _path(schedule_id: str) -> str:
    return f"/v1/subscription_schedules/{quote(schedule_id, safe='')}"


def _known(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items without a quantity are sent without one."""
    return [{key: value for key, value in item.items() if value is not None} for item in items]
