"""Drift as rows of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from ..models import Customer, Drift, ReconcileRun
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..stripe_api import without_secrets
from ..sync import insert


def drift_row(
    run: ReconcileRun,
    difference: Difference,
    *,
    object_id: str,
    customer: Customer | None = None,
    customer_id: str = "",
    amount: int | None = None,
    currency: str = "",
) -> Drift:
    """A row that is still to be saved."""
    subscriber = customer and customer.subscriber
    return Drift(
        run=run,
        kind=difference.kind.value,
        object_id=object_id[:255],
        subject=difference.subject[:255],
        customer_id=((customer and customer.stripe_id) or customer_id)[:255],
        subscriber="" if subscriber is None else str(subscriber)[:255],
        here=difference.here,
        stripe=difference.stripe,
        amount=amount,
        currency=currency,
    )


def record(rows: Sequence[Drift]) -> list[Drift]:
    """Save the rows, and return them as they are stored: a run that is resumed finds some again,
    and those are then as newly found."""
    if not rows:
        return []
    try:
        with transaction.atomic():
            insert(rows)
    except IntegrityError:
        return _record_again(rows)
    return list(rows) if all(row.pk for row in rows) else _stored(rows)


def _record_again(rows: Sequence[Drift]) -> list[Drift]:
    Drift.objects.bulk_create(rows, ignore_conflicts=True)
    stored = _stored(rows)
    mark([row for row in stored if row.state != Drift.State.FOUND or row.error], Drift.State.FOUND)
    return stored


def _stored(rows: Sequence[Drift]) -> list[Drift]:
    wanted = {_key(row) for row in rows}
    stored = Drift.objects.filter(
        run=rows[0].run, object_id__in={row.object_id for row in rows}
    ).order_by("pk")
    return [row for row in stored if _key(row) in wanted]


def mark(rows: Iterable[Drift], state: str, *, error: str = "") -> None:
    """Write what became of drift."""
    rows = list(rows)
    if not rows:
        return
    values: dict[str, Any] = {"state": state, "error": without_secrets(error)[:2000]}
    if state == Drift.State.REPAIRED:
        values["repaired_at"] = timezone.now()
    for row in rows:
        row.state, row.error = state, values["error"]
    Drift.objects.filter(pk__in=[row.pk for row in rows]).update(**values)


def forget_repaired(run: ReconcileRun, kind: Kind, **values: str) -> None:
    """What a resumed run does not find again was repaired before it broke off."""
    if run.is_applying and run.resumed:
        left = Drift.objects.filter(run=run, kind=kind, state=Drift.State.FOUND, error="", **values)
        mark(list(left), Drift.State.REPAIRED)


def _key(row: Drift) -> tuple[str, str, str]:
    return row.object_id, row.kind, row.subject
