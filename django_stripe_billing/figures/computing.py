"""The figures, computed from the rows in a constant number of queries.

Days are those of UTC, so that no database needs to know time zones. One platform account is
counted, as `access` does.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import TruncDay

from ..access import current
from ..models import Event, Invoice, Subscription
from ..rules.figures import DAYS, LIVE, Figures, flows_of
from ..rules.snapshots import MISSING
from .revenue import ACCOUNT, recurring_revenue

NOT_COUNTED = ("incomplete", "incomplete_expired", MISSING)
"""Never paid for, or gone at Stripe without a day on which they ended."""


def compute(now: datetime) -> Figures:
    """All of it, from the rows as they are. Seven queries."""
    today = now.astimezone(UTC).date()
    statuses = _statuses()
    revenue = recurring_revenue(now)
    first = datetime.combine(today - timedelta(days=DAYS - 1), time(), UTC)
    until = now + timedelta(seconds=1)  # this second, too
    return Figures(
        today=today,
        statuses={status: number for status, (number, _ending) in statuses.items()},
        ending=sum(statuses[status][1] for status in LIVE if status in statuses),
        flows=flows_of(_flows(first, until), today=today),
        past_due=_past_due(),
        entitlements=_entitlements(),
        revenue=revenue["by_currency"],
        unpriced=revenue["unpriced"],
    )


def _subscriptions() -> QuerySet[Subscription]:
    rows = Subscription.objects.filter(account=ACCOUNT).exclude(status__in=NOT_COUNTED)
    return rows.order_by()


def _statuses() -> dict[str, tuple[int, int]]:
    """By status, how many run, and how many of these are set to end."""
    is_ending = Q(cancel_at_period_end=True) | Q(cancel_at__isnull=False)
    groups = (
        _subscriptions()
        .filter(ended_at__isnull=True)
        .values("status")
        .annotate(number=Count("pk"), ending=Count("pk", filter=is_ending))
        .values_list("status", "number", "ending")
    )
    return {status: (number, ending) for status, number, ending in groups}


def _flows(first: datetime, until: datetime) -> list[tuple[str, str, Any, int]]:
    """`(subject, label, day, number)` between two moments. One query, of several counts."""
    rows = _subscriptions()
    paid = Invoice.objects.filter(account=ACCOUNT, status="paid")
    is_paid = Exists(paid.filter(subscription_id=OuterRef("stripe_id"), amount_paid__gt=0))
    within = first, until
    parts = [
        _by_day("began", rows, "stripe_created_at", within),
        _by_day("ended", rows, "ended_at", within),
        _by_day("trials_begun", rows, "trial_start_at", within),
        _by_day("trials_over", rows, "trial_end_at", within),
        _by_day("trials_paid", rows.filter(is_paid), "trial_end_at", within),
        _by_day("events", Event.objects.order_by(), "received_at", within, label=F("status")),
        _by_day(
            "paid",
            paid.order_by(),
            "paid_at",
            within,
            label=F("currency"),
            number=Sum("amount_paid"),
        ),
    ]
    union = parts[0].union(*parts[1:], all=True)
    # Django 6.1 would order a union by the model's own ordering
    return [
        (subject, label, day.date(), number) for subject, label, day, number in union.order_by()
    ]


def _by_day(
    subject: str,
    rows: QuerySet[Any],
    moment: str,
    within: tuple[datetime, datetime],
    *,
    label: Any = None,
    number: Any = None,
) -> QuerySet[Any, Any]:
    named = Value("", output_field=CharField()) if label is None else label
    counted: QuerySet[Any, Any] = (
        rows.filter(**{f"{moment}__gte": within[0], f"{moment}__lt": within[1]})
        .annotate(
            subject=Value(subject, output_field=CharField()),
            label=named,
            day=TruncDay(moment, tzinfo=UTC),
        )
        .values("subject", "label", "day")
        .annotate(number=Count("pk") if number is None else number)
        .values_list("subject", "label", "day", "number")
    )
    return counted


def _past_due() -> dict[str, tuple[int, int]]:
    """By currency, how many invoices wait for how much, in minor units. One query."""
    groups = (
        Invoice.objects.filter(account=ACCOUNT)
        .unpaid()
        .order_by()
        .values("currency")
        .annotate(number=Count("pk"), amount=Sum("amount_remaining"))
        .order_by("currency")
    )
    return {group["currency"]: (group["number"], int(group["amount"])) for group in groups}


def _entitlements() -> list[dict[str, Any]]:
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
