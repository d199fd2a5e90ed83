"""Billing periods. https://docs.stripe.com/billing/subscriptions/billing-cycle"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def add_intervals(anchor: int, *, interval: str, count: int) -> int:
    """`count` intervals after the anchor; a month without the anchor's day ends on its last."""
    moment = datetime.fromtimestamp(anchor, UTC)
    if interval in {"day", "week"}:
        days = count * (7 if interval == "week" else 1)
        return int((moment + timedelta(days=days)).timestamp())
    months = count * (12 if interval == "year" else 1)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return int(moment.replace(year=year, month=month + 1, day=day).timestamp())


def period_around(anchor: int, *, at: int, interval: str, interval_count: int) -> tuple[int, int]:
    """The start and the end of the period on the anchor's grid that holds a moment."""

    def boundary(number: int) -> int:
        return add_intervals(anchor, interval=interval, count=number * interval_count)

    number = 0
    while boundary(number) > at:
        number -= 1
    while boundary(number + 1) <= at:
        number += 1
    return boundary(number), boundary(number + 1)
