"""Where the periods of a new subscription lie: its anchor, and a start in the past.

https://docs.stripe.com/billing/subscriptions/billing-cycle
https://docs.stripe.com/billing/subscriptions/backdating
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .. import amounts
from ..errors import SandboxError
from ..periods import period_around
from ..state import StripeObject
from . import billables, price_currencies, price_tiers, subscription_items
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine

TIMES = ("hour", "minute", "second")


def anchor_of(engine: Engine, params: dict[str, Any], *, trial_end: int | None) -> int:
    """The moment that all periods are counted from. Raises SandboxError."""
    given = params.get("billing_cycle_anchor")
    config = params.get("billing_cycle_anchor_config")
    if given and config:
        raise SandboxError(
            "You may only specify one of these parameters: billing_cycle_anchor,"
            " billing_cycle_anchor_config."
        )
    if config:
        return _next(config, after=trial_end or engine.now)
    if given and given < engine.now:
        raise SandboxError("billing_cycle_anchor must be in the future.")
    return int(given or trial_end or engine.now)


def _next(config: dict[str, Any], *, after: int) -> int:
    """The first moment after another that a calendar's day names; the 31st may be the 30th."""
    begin = datetime.fromtimestamp(after, UTC)
    time = {name: config[name] for name in TIMES if name in config}
    for months in range(1, 25):
        year, month = divmod(begin.year * 12 + begin.month - 2 + months, 12)
        if config.get("month") not in {None, month + 1}:
            continue
        day = min(config["day_of_month"], calendar.monthrange(year, month + 1)[1])
        found = begin.replace(year=year, month=month + 1, day=day, **time)
        if found > begin:
            return int(found.timestamp())
    raise SandboxError("Invalid billing_cycle_anchor_config.", param="billing_cycle_anchor_config")


def begin_items(
    engine: Engine,
    items: list[StripeObject],
    params: dict[str, Any],
    *,
    anchor: int,
    trial_end: int | None,
) -> int:
    """Give new items their first period; when the subscription began. Raises SandboxError."""
    began = int(params.get("backdate_start_date") or engine.now)
    if began > engine.now:
        raise SandboxError("backdate_start_date must be in the past.", param="backdate_start_date")
    for item in items:
        start = engine.now
        if not trial_end and anchor > engine.now:
            start = min(start, max(began, _period(item, anchor=anchor, at=engine.now)[0]))
        subscription_items.start_period([item], start=start, anchor=anchor, end=trial_end or 0)
    return began


def elapsed(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> list[Billable]:
    """What the periods before the first one cost that a start in the past adds."""
    if subscription["trial_end"] or params.get("proration_behavior") == "none":
        return []
    return [
        line
        for item in subscription["items"]["data"]
        if not billables.is_metered(item)
        for line in _elapsed_of(engine, subscription, item)
    ]


def _elapsed_of(engine: Engine, subscription: StripeObject, item: StripeObject) -> list[Billable]:
    found = []
    at, until = subscription["start_date"], item["current_period_start"]
    while at < until:
        start, end = _period(item, anchor=subscription["billing_cycle_anchor"], at=at)
        price = price_currencies.of(engine, item["price"], subscription["currency"])
        amount = price_tiers.cost(engine, price, item["quantity"])
        found.append(
            Billable(
                amount=amounts.part(amount, seconds=min(end, until) - at, whole=end - start),
                currency=price["currency"],
                description=billables.named(engine, item),
                start=at,
                end=min(end, until),
                quantity=item["quantity"],
                price=price,
                subscription=subscription["id"],
                subscription_item=item["id"],
                tax_rates=billables.rates_of(item),
            )
        )
        at = end
    return found


def _period(item: StripeObject, *, anchor: int, at: int) -> tuple[int, int]:
    recurring = item["price"]["recurring"]
    return period_around(
        anchor, at=at, interval=recurring["interval"], interval_count=recurring["interval_count"]
    )
