"""Changes at the end of the paid period: a subscription schedule of two phases.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from ..exceptions import NothingToChangeError, StripeError
from ..models import Subscription
from ..rules.json_values import identifier, integer, mapping, objects
from ..stripe_api import request
from .finding import Change, own_subscription
from .writing import key_of, read, settle


def schedule_change(change: Change) -> Subscription:
    """Let the change happen when the paid period is over. Raises StripeError."""
    row = change.subscription
    schedule = _open_schedule(row)
    present = mapping(next(iter(objects(schedule.get("phases"))), {}))
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
    phases: list[dict[str, Any]] = [
        {"items": _known(items), "start_date": start, "end_date": end},
        {
            "items": _known(after),
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
    return settle(row)


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
