"""The recurring revenue of the dashboard, from prices, quantities and the last invoices."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from ..models import Invoice, Price, SubscriptionItem
from ..rules.revenue import RecurringLine, discount_share, monthly_recurring_revenue

ACCOUNT = ""

PAYING = ("active", "past_due")
"""Statuses whose prices recur; a trial brings nothing yet."""

PERIODIC = ("subscription_create", "subscription_cycle")
"""Reasons of invoices over whole periods: a proration's discount says nothing about the next."""


def recurring_revenue(now: datetime) -> dict[str, Any]:
    """`{"by_currency": minor units a month, "unpriced": items without an amount}`. Three queries.

    A discount counts as the last invoice over a whole period shows it.
    """
    units = _units(_paying_items())
    discounted = _discounted(now)
    prices = {
        row.stripe_id: row
        for row in Price.objects.filter(
            account=ACCOUNT, stripe_id__in={price_id for price_id in units if price_id}
        )
    }
    for group in discounted:
        units[group["price_id"]] -= group["units"]
    counted = [(price_id, number, (0, 0)) for price_id, number in units.items()] + [
        (group["price_id"], group["units"], (group["discount"] or 0, group["subtotal"] or 0))
        for group in discounted
    ]
    lines, unpriced = [], 0
    for price_id, number, (discount, subtotal) in counted:
        price = prices.get(price_id)
        if price is not None and price.usage_type == "metered":
            continue
        if price is None or price.unit_amount is None:
            unpriced += number
            continue
        lines.append(
            RecurringLine(
                currency=price.currency,
                unit_amount=price.unit_amount,
                interval=price.interval,
                interval_count=price.interval_count,
                units=max(number, 0),
                discount=discount_share(discount=discount, subtotal=subtotal),
            )
        )
    return {"by_currency": monthly_recurring_revenue(lines), "unpriced": unpriced}


def _paying_items() -> QuerySet[SubscriptionItem]:
    return SubscriptionItem.objects.filter(
        subscription__account=ACCOUNT, subscription__status__in=PAYING
    )


def _units(items: QuerySet[SubscriptionItem]) -> Counter[str]:
    groups = items.order_by().values("price_id").annotate(units=Sum(Coalesce("quantity", 1)))
    return Counter({group["price_id"]: group["units"] for group in groups})


def _discounted(now: datetime) -> list[dict[str, Any]]:
    """The paying units whose last whole period was discounted, by price and invoice's amounts."""
    periodic = Invoice.objects.filter(
        account=ACCOUNT, billing_reason__in=PERIODIC, subtotal__gt=0
    ).exclude(status="void")
    recent = now - timedelta(days=3 * 366)  # no period is longer
    candidates = periodic.filter(discount__gt=0, stripe_created_at__gte=recent)
    last = periodic.filter(subscription_id=OuterRef("subscription__stripe_id")).order_by(
        "-stripe_created_at", "-pk"
    )
    groups: QuerySet[Any, Any] = (
        _paying_items()
        .filter(subscription__stripe_id__in=candidates.order_by().values("subscription_id"))
        .annotate(
            discount=Subquery(last.values("discount")[:1]),
            subtotal=Subquery(last.values("subtotal")[:1]),
        )
        .order_by()
        .values("price_id", "discount", "subtotal")
        .annotate(units=Sum(Coalesce("quantity", 1)))
    )
    return list(groups)
