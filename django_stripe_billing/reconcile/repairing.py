"""Repairing drift: through the one door, never more than allowed, one failure stopping no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from django.db import DatabaseError
from django.db.models import F

from ..exceptions import BillingError, ChangesRefusedError
from ..models import Drift, EntitlementChange, Event, ReconcileRun, Subscription
from ..rules.changes import is_loss
from ..rules.drift_kinds import MEANINGS, Kind
from ..stripe_api import Pace
from ..sync import Cause, SubscriptionReading, recompute_subscriptions, settle
from .comparing import Comparison, confirm, is_suspect, read_terms
from .fetching import compare_by_id
from .leases import TakenOverError
from .options import Options
from .patience import Patience
from .reading import read_rows
from .recording import mark
from .row_keys import key_of


class Repairer:
    """Repairs what a run finds, until its limit of changes is reached."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._limit = options.max_changes.of(run.live_before)
        self._patience = Patience(pace)
        self.cause = Cause(kind="reconcile", id=str(run.pk))

    @property
    def limit(self) -> int:
        return self._limit

    def allows(self, number: int) -> bool:
        """Count that many changes against the limit, if they fit; across processes."""
        if number == 0:
            return True
        fits = ReconcileRun.objects.filter(pk=self._run.pk, changes__lte=self._limit - number)
        return bool(fits.update(changes=F("changes") + number))

    def allowing(self) -> Callable[[Event], None]:
        """For `receive` and `process_again`: counts what an event has changed, and refuses more
        than is allowed with ChangesRefusedError, which undoes it."""
        newest = EntitlementChange.objects.order_by("-pk").values_list("pk", flat=True).first()
        return partial(self._allow_event, after=newest or 0)

    def _allow_event(self, event: Event, *, after: int) -> None:
        recorded = EntitlementChange.objects.filter(
            pk__gt=after, cause_kind="event", cause_id=event.stripe_id
        )
        counted = {
            (change.source_kind, change.source_id) for change in recorded if self._counts(change)
        }
        if not self.allows(len(counted)):
            raise ChangesRefusedError(stopped(self._limit))

    def _counts(self, change: EntitlementChange) -> bool:
        limit = self._options.max_changes
        if limit.counts_losses:
            return is_loss(before=change.before, after=change.after)
        return change.before is not None or not limit.is_share

    def repair(self, found: Sequence[tuple[Comparison, list[Drift]]]) -> None:
        """Repair subscriptions whose drift was recorded, and look whether that helped."""
        possible = []
        for comparison, rows in found:
            for row in rows:
                if not MEANINGS[Kind(row.kind)].repair:
                    mark([row], Drift.State.FAILED, error=MEANINGS[Kind(row.kind)].advice)
            is_possible = all(row.kind != Kind.SUBSCRIPTION_CUSTOMER for row in rows)
            if comparison.differences and is_possible:
                possible.append((comparison, [row for row in rows if row.error == ""]))
        allowed = [entry for entry in possible if self._is_allowed(*entry)]
        if not allowed:
            return
        try:
            self._write([comparison for comparison, _ in allowed])
        except TakenOverError:
            raise
        except (BillingError, DatabaseError):
            for comparison, rows in allowed:
                self.attempt(rows, partial(self._write, [comparison]))
        self._look(allowed)

    def attempt(self, rows: Sequence[Drift], repair: Callable[[], object]) -> bool:
        """Try a repair; what goes wrong is written onto the rows. Returns whether it went well."""
        try:
            repair()
        except TakenOverError:
            raise
        except (BillingError, DatabaseError) as error:
            mark(rows, Drift.State.FAILED, error=f"{type(error).__name__}: {error}")
            return False
        return True

    def _is_allowed(self, comparison: Comparison, rows: Sequence[Drift]) -> bool:
        limit = self._options.max_changes
        is_free = (
            not comparison.takes_away
            if limit.counts_losses
            else not comparison.is_stored and limit.is_share
        )
        if is_free or self.allows(1):
            return True
        mark(rows, Drift.State.FOUND, error=stopped(self._limit))
        return False

    def _write(self, comparisons: Sequence[Comparison]) -> None:
        account = self._options.account
        settle([entry.reading for entry in comparisons if not entry.is_row_equal], cause=self.cause)
        recompute_subscriptions(
            [entry.reading.snapshot.id for entry in comparisons if entry.is_row_equal],
            account=account,
            cause=self.cause,
        )

    def _look(self, repaired: Iterable[tuple[Comparison, list[Drift]]]) -> None:
        rows_of = {comparison.reading.snapshot.id: rows for comparison, rows in repaired}
        readings = [comparison.reading for comparison, _ in repaired]
        equal = self._equal_now(readings)
        done = [row for stripe_id in equal for row in rows_of[stripe_id] if row.error == ""]
        others = [reading for reading in readings if reading.snapshot.id not in equal]
        for after in confirm(others, account=self._options.account):
            stripe_id = after.reading.snapshot.id
            rows = [row for row in rows_of[stripe_id] if row.error == ""]
            if not after.is_certain:  # it was changed within the same second
                after = self._asked(stripe_id) or after
            left = {difference.kind.value for difference in after.differences}
            mark([row for row in rows if row.kind in left], Drift.State.FAILED, error=STILL)
            done += [row for row in rows if row.kind not in left]
        mark(done, Drift.State.REPAIRED)

    def _equal_now(self, readings: Iterable[SubscriptionReading]) -> set[str]:
        """Those whose rows and entitlements are now what the reading says."""
        keys = {reading.snapshot.id: key_of(reading.snapshot) for reading in readings}
        own = Subscription.objects.filter(account=self._options.account, stripe_id__in=keys)
        rows = read_rows(own, account=self._options.account, most=len(keys) * MOST_ITEMS)
        terms = read_terms(account=self._options.account)
        return {
            stripe_id
            for stripe_id, row in rows.items()
            if row.key == keys[stripe_id] and not is_suspect(keys[stripe_id], row, terms)
        }

    def _asked(self, stripe_id: str) -> Comparison | None:
        try:
            return compare_by_id(stripe_id, account=self._options.account, patience=self._patience)
        except BillingError:
            return None


MOST_ITEMS = 100
"""Items of a subscription that are looked at quickly; one with more is looked at with care."""

STILL = "It differs still: a subscription that ended here never comes back to life."


def stopped(limit: int) -> str:
    return f"Left as it is: more than {limit:,} changes were not allowed (--max-changes)."
