"""Figures that are kept: for an account so large that counting it anew takes seconds.

A smaller one is counted with each look, and nothing is kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from ..models import KeptFigures
from ..rules.figures import Figures
from .computing import compute
from .revenue import ACCOUNT

LIVE_ROWS = 50_000
"""Up to so many rows, counting takes no longer than a page may: about a tenth of a second."""

FRESH = timedelta(minutes=90)
"""How old kept figures may be; hourly cron never lets a reader wait for new ones."""

CLAIM = timedelta(minutes=10)
"""How long others show the kept figures while one computes; it may have died by then."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    figures: Figures
    as_of: datetime | None
    """When they were counted; None: now."""


def current_figures() -> Reading:
    """Those of now, or kept ones that say of when they are.

    Kept ones that are too old are computed anew, by one reader at a time.
    """
    now = timezone.now()
    kept = KeptFigures.objects.filter(account=ACCOUNT).first()
    found = None if kept is None else Figures.from_json(kept.figures)
    if kept is None or found is None:
        return _count(now, may_be_kept=kept is not None)
    if kept.taken_at > now - FRESH or not _claim(kept, now):
        return Reading(figures=found, as_of=kept.taken_at)
    return _count(now, may_be_kept=True)


def refresh_figures() -> Reading:
    """Compute them, and keep them where the account is large."""
    return _count(timezone.now(), may_be_kept=True)


def _count(now: datetime, *, may_be_kept: bool) -> Reading:
    found = compute(now)
    if found.rows > LIVE_ROWS:
        _keep(found, now)
        return Reading(figures=found, as_of=now)
    if may_be_kept:
        KeptFigures.objects.filter(account=ACCOUNT, taken_at__lt=now).delete()
    return Reading(figures=found, as_of=None)


def _claim(kept: KeptFigures, now: datetime) -> bool:
    """Whether this reader is the one to compute; a single statement decides."""
    is_free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    rows = KeptFigures.objects.filter(is_free, pk=kept.pk, taken_at=kept.taken_at)
    return rows.update(claimed_until=now + CLAIM) == 1


def _keep(found: Figures, now: datetime) -> None:
    """One row, replaced as a whole: nobody reads half of it, and the newest count stays."""
    values = {"figures": found.as_json(), "taken_at": now, "claimed_until": None}
    rows = KeptFigures.objects.filter(account=ACCOUNT)
    if not rows.filter(taken_at__lt=now).update(**values):
        KeptFigures.objects.bulk_create(
            [KeptFigures(account=ACCOUNT, **values)], ignore_conflicts=True
        )
