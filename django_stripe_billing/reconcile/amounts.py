"""What stored subscriptions are worth a month, by the catalog here: the money at stake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..models import Price, Subscription, SubscriptionItem
from ..rules.entitlements import PAID_STATUSES
from ..rules.money import per_month

Amount = tuple[int | None, str]
"""Minor units a month and the currency; None where a price is not known or has no fixed amount."""


def worth(subscription: Subscription) -> Amount:
    """Two queries."""
    return worth_of([subscription])[subscription.pk]


def worth_of(subscriptions: Iterable[Subscription]) -> dict[int, Amount]:
    """By primary key; two queries, however many there are."""
    found: dict[int, Amount] = {row.pk: (0, row.currency) for row in subscriptions}
    items = list(
        SubscriptionItem.objects.filter(subscription__in=found).select_related("subscription")
    )
    prices = {
        (price.account, price.stripe_id): price
        for price in Price.objects.filter(stripe_id__in={item.price_id for item in items})
    }
    for item in items:
        total, currency = found[item.subscription_id]
        price = prices.get((item.subscription.account, item.price_id))
        if total is None or price is None or price.unit_amount is None:
            found[item.subscription_id] = None, currency
            continue
        month = per_month(
            price.unit_amount * (1 if item.quantity is None else item.quantity),
            interval=price.interval,
            interval_count=price.interval_count,
        )
        found[item.subscription_id] = total + month, currency
    return found


def paid_by(customers: Iterable[int]) -> Mapping[int, Amount]:
    """What customers (primary keys) pay a month for all that runs; three queries.

    None for somebody who pays in several currencies.
    """
    rows = list(Subscription.objects.filter(customer__in=customers, status__in=PAID_STATUSES))
    worths = worth_of(rows)
    amounts: dict[int, list[Amount]] = {}
    for row in rows:
        amounts.setdefault(row.customer_id, []).append(worths[row.pk])
    return {pk: together(listed) for pk, listed in amounts.items()}


def together(amounts: Iterable[Amount]) -> Amount:
    """The sum; None where one is not known, or they are of several currencies."""
    listed = list(amounts)
    currencies = {currency for _amount, currency in listed}
    numbers = [amount for amount, _currency in listed if amount is not None]
    if len(currencies) != 1 or len(numbers) != len(listed):
        return None, ""
    return sum(numbers), currencies.pop()
