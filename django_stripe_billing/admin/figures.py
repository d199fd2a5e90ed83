"""The figures of the dashboard, read in a constant number of queries: one for each subject.

Times are counted in spans of the range, not in calendar days, so that no database needs to know
time zones. One platform account is counted, as `access` does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from ..access import current
from ..models import (
    Event,
    Invoice,
    Price,
    ReconcileRun,
    Subscription,
    SubscriptionItem,
)
from ..rules.revenue import (
    RecurringLine,
    discount_share,
    monthly_recurring_revenue,
    percent,
    percentile,
)

ACCOUNT = ""

PAYING = ("active", "past_due")
"""Statuses whose prices recur; a trial brings nothing yet."""

LIVE = (*PAYING, "trialing")

NEVER_BEGAN = ("incomplete", "incomplete_expired")

PERIODIC = ("subscription_create", "subscription_cycle")
"""Reasons of invoices over whole periods: a proration's discount says nothing about the next."""

SAMPLE = 1000
"""From how many events, the newest, the times of processing are taken."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of the range: one bar of a chart."""

    begins: datetime
    ends: datetime

    def holds(self, field: str) -> Q:
        return Q(**{f"{field}__gte": self.begins, f"{field}__lt": self.ends})


def spans(now: datetime, *, days: int) -> list[Span]:
    """The range that ends now in equal parts: days of a month, weeks of a quarter, a year in 13."""
    length = {7: 1, 30: 1, 90: 6, 365: 28}.get(days, max(days // 30, 1))
    number = -(-days // length)
    starts = [now - timedelta(days=length * (number - index)) for index in range(number)]
    first = now - timedelta(days=days)
    return [Span(begins=max(start, first), ends=start + timedelta(days=length)) for start in starts]


def subscriptions(parts: list[Span]) -> dict[str, Any]:
    """How many run, began and ended, and what became of trials. One query."""
    whole = Span(begins=parts[0].begins, ends=parts[-1].ends)
    paid = Invoice.objects.filter(
        account=ACCOUNT, subscription_id=OuterRef("stripe_id"), status="paid", amount_paid__gt=0
    )
    over = whole.holds("trial_end_at")
    wanted: dict[str, Any] = {
        "active": Count("pk", filter=Q(status="active")),
        "trialing": Count("pk", filter=Q(status="trialing")),
        "past_due": Count("pk", filter=Q(status="past_due")),
        "ending": Count(
            "pk",
            filter=Q(status__in=LIVE) & (Q(cancel_at_period_end=True) | Q(cancel_at__isnull=False)),
        ),
        "at_start": Count(
            "pk",
            filter=Q(stripe_created_at__lt=whole.begins)
            & (Q(ended_at__isnull=True) | Q(ended_at__gte=whole.begins)),
        ),
        "began": Count("pk", filter=whole.holds("stripe_created_at")),
        "ended": Count("pk", filter=whole.holds("ended_at")),
        "trials_begun": Count("pk", filter=whole.holds("trial_start_at")),
        "trials_over": Count("pk", filter=over),
        "trials_paid": Count("pk", filter=Q(over, Exists(paid))),
    }
    for index, part in enumerate(parts):
        wanted[f"began_{index}"] = Count("pk", filter=part.holds("stripe_created_at"))
        wanted[f"ended_{index}"] = Count("pk", filter=part.holds("ended_at"))
    rows = Subscription.objects.filter(account=ACCOUNT).exclude(status__in=NEVER_BEGAN)
    found = rows.order_by().aggregate(**wanted)
    found["churn"] = percent(found["ended"], found["at_start"])
    found["conversion"] = percent(found["trials_paid"], found["trials_over"])
    found["parts"] = [
        {"span": part, "began": found[f"began_{index}"], "ended": found[f"ended_{index}"]}
        for index, part in enumerate(parts)
    ]
    return found


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


def money(parts: list[Span]) -> list[dict[str, Any]]:
    """By currency, what was paid in each part of the range, in minor units. One query."""
    whole = Span(begins=parts[0].begins, ends=parts[-1].ends)
    sums: dict[str, Any] = {
        f"paid_{index}": Sum("amount_paid", filter=part.holds("paid_at"), default=0)
        for index, part in enumerate(parts)
    }
    groups: QuerySet[Any, Any] = (
        Invoice.objects.filter(whole.holds("paid_at"), account=ACCOUNT, status="paid")
        .order_by()
        .values("currency")
        .annotate(**sums)
        .order_by("currency")
    )
    return [
        {
            "currency": group["currency"],
            "paid": sum(group[f"paid_{index}"] for index in range(len(parts))),
            "parts": [group[f"paid_{index}"] for index in range(len(parts))],
        }
        for group in groups
    ]


def past_due() -> dict[str, tuple[int, int]]:
    """By currency, how many invoices wait for how much, in minor units. One query."""
    groups = (
        Invoice.objects.filter(account=ACCOUNT)
        .unpaid()
        .order_by()
        .values("currency")
        .annotate(number=Count("pk"), amount=Sum("amount_remaining"))
        .order_by("currency")
    )
    return {group["currency"]: (group["number"], group["amount"]) for group in groups}


def entitlements() -> list[dict[str, Any]]:
    """By feature, how many customers may use it now, and by which kind of source. One query."""
    groups: QuerySet[Any, Any] = (
        current(customer__account=ACCOUNT)
        .order_by()
        .values(key=F("feature__lookup_key"))
        .annotate(
            customers=Count("customer", distinct=True),
            subscription=Count("customer", distinct=True, filter=Q(source_kind="subscription")),
            payment=Count("customer", distinct=True, filter=Q(source_kind="payment")),
            manual=Count("customer", distinct=True, filter=Q(source_kind="manual")),
        )
        .order_by("-customers", "key")
    )
    return list(groups)


def webhooks(parts: list[Span]) -> dict[str, Any]:
    """What was received, and what became of it, with the times that it took. Two queries."""
    whole = Span(begins=parts[0].begins, ends=parts[-1].ends)
    wanted: dict[str, Any] = {"received": Count("pk")}
    for status in Event.Status.values:
        wanted[status] = Count("pk", filter=Q(status=status))
    for index, part in enumerate(parts):
        wanted[f"good_{index}"] = Count(
            "pk", filter=part.holds("received_at") & ~Q(status=Event.Status.FAILED)
        )
        wanted[f"bad_{index}"] = Count(
            "pk", filter=part.holds("received_at") & Q(status=Event.Status.FAILED)
        )
    rows = Event.objects.filter(whole.holds("received_at"))
    found = rows.order_by().aggregate(**wanted)
    timed = rows.filter(processed_at__isnull=False, stripe_created_at__isnull=False)
    moments: Any = timed.order_by("-pk").values_list("stripe_created_at", "processed_at")[:SAMPLE]
    seconds = [max((done - made).total_seconds(), 0.0) for made, done in moments]
    return {
        **found,
        "p50": percentile(seconds, 0.5),
        "p95": percentile(seconds, 0.95),
        "timed": len(seconds),
        "parts": [
            {"span": part, "good": found[f"good_{index}"], "bad": found[f"bad_{index}"]}
            for index, part in enumerate(parts)
        ],
    }


def last_run() -> ReconcileRun | None:
    """The last reconcile run over the whole account. One query."""
    runs = ReconcileRun.objects.filter(account=ACCOUNT, options__customer_id="")
    return runs.order_by("-pk").first()
