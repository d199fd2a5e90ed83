"""The figures of the dashboard, read in a constant number of queries: one for each subject.

Times are counted in spans of the range, not in calendar days, so that no database needs to know
time zones. One platform account is counted, as `access` does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)

from ..access import current
from ..models import (
    Event,
    Invoice,
    ReconcileRun,
    Subscription,
)
from ..rules.revenue import (
    percent,
    percentile,
)
from ..rules.snapshots import MISSING

ACCOUNT = ""

LIVE = ("active", "past_due", "trialing")

NOT_COUNTED = ("incomplete", "incomplete_expired", MISSING)
"""Never paid for, or gone at Stripe without a day on which they ended."""

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
    """How many run, began and ended, and what became of trials. One query, of several counts."""
    whole = Span(begins=parts[0].begins, ends=parts[-1].ends)
    rows = Subscription.objects.filter(account=ACCOUNT).exclude(status__in=NOT_COUNTED).order_by()
    running = rows.filter(ended_at__isnull=True)
    ending = running.filter(Q(cancel_at_period_end=True) | Q(cancel_at__isnull=False))
    over = rows.filter(whole.holds("trial_end_at"))
    paid = Invoice.objects.filter(
        account=ACCOUNT, subscription_id=OuterRef("stripe_id"), status="paid", amount_paid__gt=0
    )
    counts = (
        _counted("status", running, by=F("status"))
        .union(
            _counted("ending", ending.filter(status__in=LIVE)),
            _counted(
                "began",
                rows.filter(whole.holds("stripe_created_at")),
                by=_part("stripe_created_at", parts),
            ),
            _counted("ended", rows.filter(whole.holds("ended_at")), by=_part("ended_at", parts)),
            _counted("trials_begun", rows.filter(whole.holds("trial_start_at"))),
            _counted("trials_over", over),
            _counted("trials_paid", over.filter(Exists(paid))),
            all=True,
        )
        .order_by()
    )  # Django 6.1 would order a union by the model's own ordering
    numbers: dict[str, Counter[str]] = defaultdict(Counter)
    for subject, label, number in counts:
        numbers[subject][label] = number
    return _told(numbers, parts)


def _told(numbers: dict[str, Counter[str]], parts: list[Span]) -> dict[str, Any]:
    found: dict[str, Any] = {name: numbers["status"][name] for name in LIVE}
    for name in ("ending", "began", "ended", "trials_begun", "trials_over", "trials_paid"):
        found[name] = numbers[name].total()
    # who ran at the start runs still, or has ended since; what began since did not
    found["at_start"] = numbers["status"].total() + found["ended"] - found["began"]
    found["churn"] = percent(found["ended"], found["at_start"])
    found["conversion"] = percent(found["trials_paid"], found["trials_over"])
    found["parts"] = [
        {"span": part, **{name: numbers[name][str(index)] for name in ("began", "ended")}}
        for index, part in enumerate(parts)
    ]
    return found


def _counted(subject: str, rows: QuerySet[Any], *, by: Any = None) -> QuerySet[Any, Any]:
    """`(subject, label, number)` for each label, '' without one."""
    label = Value("", output_field=CharField()) if by is None else by
    counted: QuerySet[Any, Any] = (
        rows.annotate(subject=Value(subject, output_field=CharField()), label=label)
        .values("subject", "label")
        .annotate(number=Count("pk"))
        .values_list("subject", "label", "number")
    )
    return counted


def _part(field: str, parts: list[Span]) -> Case:
    """The index of the part that holds a row, as text; the caller leaves out the others."""
    return Case(
        *(
            When(**{f"{field}__lt": part.ends}, then=Value(str(index)))
            for index, part in enumerate(parts)
        ),
        output_field=CharField(),
    )


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
