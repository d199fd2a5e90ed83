"""What a change in the middle of a period costs, to the second.

https://docs.stripe.com/billing/subscriptions/prorations
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .. import amounts
from ..state import StripeObject
from . import billables, invoice_discounts, price_currencies
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine

BILLED = {"active", "past_due", "unpaid"}
"""Statuses in which the current period was billed, so that its unused part is worth something."""


def between(
    engine: Engine,
    subscription: StripeObject,
    *,
    old: Iterable[StripeObject],
    new: Sequence[StripeObject],
    at: int,
    discounts: Sequence[StripeObject] = (),
) -> list[Billable]:
    """Credits for what changes, and charges for what takes its place until the period's end.

    `discounts` are those of the charges.
    """
    held = {item["id"]: item for item in old}
    wanted = {item["id"]: item for item in new}
    costs = invoice_discounts.net_amounts(engine, new, discounts, currency=subscription["currency"])
    found = []
    for item_id in [*held, *(item_id for item_id in wanted if item_id not in held)]:
        before, after = held.get(item_id), wanted.get(item_id)
        if before and after and _costs(before) == _costs(after):
            continue
        found += credits(engine, subscription, [before] if before else [], at=at)
        if after:
            found += _part(engine, subscription, after, at=at, amount=costs[item_id])
    return found


def credits(
    engine: Engine, subscription: StripeObject, items: Iterable[StripeObject], *, at: int
) -> list[Billable]:
    """Money back for the unused time of these items, as much as was billed for it."""
    return [
        entry
        for item in items
        for entry in _part(
            engine,
            subscription,
            item,
            at=at,
            amount=-invoice_discounts.billed_amount(engine, subscription, item),
            is_credit=True,
        )
    ]


def changed(old: Iterable[StripeObject], new: Iterable[StripeObject]) -> list[StripeObject]:
    """The new items that are not what they were."""
    held = {item["id"]: _costs(item) for item in old}
    return [item for item in new if held.get(item["id"]) != _costs(item)]


def _costs(item: StripeObject) -> tuple[str, int | None]:
    return item["price"]["id"], item["quantity"]


def _part(
    engine: Engine,
    subscription: StripeObject,
    item: StripeObject,
    *,
    at: int,
    amount: int,
    is_credit: bool = False,
) -> list[Billable]:
    """An item's share from a moment until the end of its period; metered items have none.

    `amount` is what the whole period costs.
    """
    end = item["current_period_end"]
    if item["quantity"] is None or at >= end:
        return []
    whole = billables.whole_period(subscription, item, at=end - 1)
    share = amounts.part(amount, seconds=end - at, whole=whole[1] - whole[0])
    word = "Unused time on" if is_credit else "Remaining time on"
    day = datetime.fromtimestamp(at, UTC).strftime("%d %b %Y")
    return [
        Billable(
            amount=share,
            currency=subscription["currency"],
            description=f"{word} {billables.named(engine, item)} after {day}",
            start=at,
            end=end,
            quantity=item["quantity"],
            price=price_currencies.of(engine, item["price"], subscription["currency"]),
            subscription=subscription["id"],
            subscription_item=item["id"],
            tax_rates=billables.rates_of(item),
            is_proration=True,
            is_discountable=False,
        )
    ]
