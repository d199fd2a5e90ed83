"""Splitting an account by the second of creation, and remembering how far each part has come."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from ..models import Drift, Payment, ReconcileRun, ReconcileWindow, Subscription
from ..models.mirrored import to_second
from ..rules.drift_kinds import Kind

Of = ReconcileWindow.Of

LATE = (Of.INVOICES, Of.CUSTOMERS)
"""Worked on when all others are done, as these show what there is to compare."""

_MISSING: Mapping[str, Kind] = {
    Of.SUBSCRIPTIONS: Kind.SUBSCRIPTION_MISSING_AT_STRIPE,
    Of.PAYMENTS: Kind.PAYMENT_MISSING_AT_STRIPE,
}

LEASE = timedelta(minutes=3)
"""How long a window is its worker's after a sign of life; then another takes it over. Longer than
one call to Stripe and the pause before it is tried again."""

MOST_ATTEMPTS = 5
"""How many workers begin or take over a window before it is given up."""

MOST_ERRORS = 200
"""How many errors of a window are kept."""

UNLISTED = "not listed"
"""What is written of a missing subscription until it was fetched by its id."""


@dataclass(kw_only=True)
class Progress:
    """How far a window has come: written with each page, so that a run can be resumed."""

    cursor: str
    lowest: int
    """Every later second of the window has been compared in both directions."""
    edge: set[str] = field(default_factory=set)
    """The ids of that second that were listed; the next page may hold more of it."""
    unsettled: list[str] = field(default_factory=list)
    """The ids of listed subscriptions that seem to differ, and were not looked at yet."""
    listed: int = 0
    compared: int = 0
    calls: int = 0
    errors: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)


def split(
    run: ReconcileRun, *, since: int | None, parts: int, of: str = Of.SUBSCRIPTIONS
) -> list[ReconcileWindow]:
    """Windows that together cover everything created before the run, newest first.

    Each has about the same number of the objects that are stored; two queries for each.
    """
    first, last = since or 0, run.created_before
    bounds = [first, *_bounds(run, first, last, parts, of=of), last]
    windows = [
        ReconcileWindow(run=run, of=of, created_from=low, created_before=high, lowest=high - 1)
        for low, high in itertools.pairwise(bounds)
        if low < high
    ]
    return ReconcileWindow.objects.bulk_create(reversed(windows))


def _bounds(run: ReconcileRun, first: int, last: int, parts: int, *, of: str) -> list[int]:
    if parts == 1:
        return []
    rows = _stored(run, first, last, of=of).order_by("stripe_created_at")
    number = rows.count()
    if number < parts:
        return []
    moments = rows.values_list("stripe_created_at", flat=True)
    cuts = {to_second(moments[number * part // parts]) or 0 for part in range(1, parts)}
    return sorted(cut for cut in cuts if first < cut < last)


def _stored(run: ReconcileRun, first: int, last: int, *, of: str) -> QuerySet[Any]:
    """The rows that were created within these seconds, the last one exclusive."""
    model = Payment if of == Of.PAYMENTS else Subscription
    return model._default_manager.filter(
        account=run.account,
        stripe_created_at__gte=_moment(first),
        stripe_created_at__lt=_moment(last),
    )


def claim(run: ReconcileRun, *, owner: str) -> ReconcileWindow | None:
    """The next window that nobody works on, or whose worker gave no sign of life for long.

    One that MOST_ATTEMPTS workers have left behind is given up, so that the run ends.
    """
    while ReconcileRun.objects.filter(pk=run.pk, state=ReconcileRun.State.RUNNING).exists():
        now = timezone.now()
        free = Q(claimed_until=None) | Q(claimed_until__lt=now) | Q(claimed_by=owner)
        pending = run.windows.filter(free, state=ReconcileWindow.State.PENDING)
        window = pending.order_by("attempts", "pk").first()
        if window is None:
            return None
        if window.attempts >= MOST_ATTEMPTS:
            text = f"{window.attempts} workers began it one after the other, and none finished it."
            pending.filter(pk=window.pk).update(state=ReconcileWindow.State.FAILED, failure=text)
            continue
        taken = pending.filter(pk=window.pk).update(
            claimed_by=owner, claimed_until=now + LEASE, attempts=F("attempts") + 1
        )
        if taken:
            window.refresh_from_db()
            return window
    return None


def keep(window: ReconcileWindow, *, owner: str) -> bool:
    """A sign of life; False when another worker has taken the window over. One statement."""
    mine = ReconcileWindow.objects.filter(pk=window.pk, claimed_by=owner)
    return bool(mine.update(claimed_until=timezone.now() + LEASE))


def progress_of(window: ReconcileWindow) -> Progress:
    return Progress(
        cursor=window.cursor,
        lowest=window.lowest,
        edge=set(window.edge),
        unsettled=list(window.unsettled),
        listed=window.listed,
        compared=window.compared,
        calls=window.calls,
        errors=list(window.errors),
        notes=dict(window.notes),
    )


def save(window: ReconcileWindow, progress: Progress, *, owner: str, is_done: bool) -> bool:
    """Write a checkpoint; False when another worker has taken the window over. One statement."""
    values = {
        "cursor": progress.cursor,
        "lowest": progress.lowest,
        "edge": sorted(progress.edge),
        "unsettled": progress.unsettled,
        "listed": progress.listed,
        "compared": progress.compared,
        "calls": progress.calls,
        "errors": progress.errors[:MOST_ERRORS],
        "notes": progress.notes,
        "claimed_until": timezone.now() + LEASE,
    }
    if is_done:
        values["state"] = ReconcileWindow.State.DONE
    mine = ReconcileWindow.objects.filter(pk=window.pk, claimed_by=owner)
    return bool(mine.update(**values))


def fail(window: ReconcileWindow, error: str, *, owner: str) -> None:
    """The window can't be finished now; --resume tries it again."""
    ReconcileWindow.objects.filter(pk=window.pk, claimed_by=owner).update(
        state=ReconcileWindow.State.FAILED, failure=error[:2000]
    )


def doubt(
    run: ReconcileRun, error: str, *, of: str = Of.SUBSCRIPTIONS, created: int | None = None
) -> None:
    """Write an error onto the window of a second of creation, or onto all of a kind: `reopen` then
    lists them anew."""
    rows = run.windows.filter(of=of)
    if created is not None:
        rows = rows.filter(created_from__lte=created, created_before__gt=created)
    for window in rows:
        if len(window.errors) < MOST_ERRORS:
            window.errors = [*window.errors, error]
            window.save(update_fields=["errors"])


def reopen(run: ReconcileRun) -> None:
    """Let windows be worked on again: broken-off ones from where they stopped, those with errors
    from their start. What came after all others begins anew, unless these were all done."""
    first = run.windows.exclude(of__in=LATE)
    if any(one.errors or one.state != ReconcileWindow.State.DONE for one in first):
        run.windows.filter(of__in=LATE).delete()
    for window in run.windows.all():
        if window.errors:
            _start_again(window)
        elif window.state == ReconcileWindow.State.DONE:
            continue
        window.state, window.failure = ReconcileWindow.State.PENDING, ""
        window.claimed_by, window.claimed_until, window.attempts = "", None, 0
        window.save()


def _start_again(window: ReconcileWindow) -> None:
    """Forget how far it came, and what was missing from its list: that is seen anew."""
    kind = _MISSING.get(window.of)
    if kind is not None:
        rows = _stored(window.run, window.created_from, window.created_before, of=window.of)
        unlisted = Drift.objects.filter(
            run=window.run, kind=kind, object_id__in=rows.values("stripe_id")
        )
        unlisted.filter(Q(state=Drift.State.GONE) | Q(stripe=UNLISTED)).delete()
    window.cursor, window.lowest, window.edge = "", window.created_before - 1, []
    window.unsettled, window.listed, window.compared = [], 0, 0
    window.errors, window.notes = [], {}


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
