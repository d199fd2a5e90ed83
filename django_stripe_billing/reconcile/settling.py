"""What a page seems to say differently from what is stored: looked at with all care, recorded,
repaired. What several pages have left takes as many queries as what one has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..exceptions import (
    StripeError,
    StripeObjectMissingError,
    StripeUnavailableError,
    UnsettledError,
)
from ..models import Drift, ReconcileRun, Subscription
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.json_values import text
from ..rules.ordering import Interval
from ..rules.snapshots import TERMINAL_STATUSES, parse_subscription
from ..stripe_api import fetch_subscription, without_secrets
from ..sync import SubscriptionReading
from . import windows
from .comparing import Comparison, Terms, at_stake, confirm, is_known, unknown_in_catalog
from .fetching import compare_by_id
from .options import Options
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer
from .report import UNKNOWN
from .row_keys import Key, key_of

MOST_WAITING = 100
MOST_PAGES = 20
"""How many subscriptions that seem to differ wait, for how many pages, until they are settled."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A subscription that seems to differ, as Stripe listed it."""

    row: dict[str, Any]
    interval: Interval


class Settler:
    """Collects what seems to differ in a window, and settles it; `errors` and `notes` grow."""

    def __init__(
        self,
        run: ReconcileRun,
        options: Options,
        *,
        terms: Terms,
        patience: Patience,
        repairer: Repairer,
        errors: list[str],
        notes: Counter[str],
    ) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._terms = terms
        self._patience = patience
        self._repairer = repairer
        self._errors = errors
        self._notes = notes
        self._unknown: set[tuple[Kind, str]] = set()
        self._waiting: dict[str, Waiting] = {}
        self._vanished: list[str] = []
        self._pages = 0

    @property
    def ids(self) -> list[str]:
        """What waits."""
        return list(self._waiting)

    @property
    def is_due(self) -> bool:
        return len(self._waiting) >= MOST_WAITING or self._pages >= MOST_PAGES

    def add(self, rows: Mapping[str, dict[str, Any]], *, interval: Interval) -> None:
        """What seems to differ on one page, by id."""
        for stripe_id, row in rows.items():
            self._waiting[stripe_id] = Waiting(row=row, interval=interval)
        self._pages += bool(self._waiting)

    def settle(self, *, known: Iterable[str] = ()) -> int:
        """Look at what waits with all care; record and repair it. Returns how many were compared.

        `known` are the ids that a worker before this one may have repaired.
        """
        found = self._confirmed()
        drift = self._drift_of(found)
        drift += self._vanished_drift()
        drift += self.unknown_terms(key_of(entry.reading.snapshot) for entry in found)
        self._record_and_repair(found, drift, known)
        compared = len(found) + len(self._vanished)
        self._waiting, self._vanished, self._pages = {}, [], 0
        return compared

    def read_left(self, left: Iterable[str]) -> None:
        """What waited when the window's last worker stopped is read by id, and waits again."""
        for stripe_id in left:
            read = partial(fetch_subscription, stripe_id, account=self._account)
            try:
                answer = self._patience(read)
            except StripeObjectMissingError:
                self._vanished.append(stripe_id)
            except StripeUnavailableError:
                raise
            except StripeError as error:
                self._errors.append(f"{stripe_id} can't be fetched: {without_secrets(str(error))}")
            else:
                self._waiting[stripe_id] = Waiting(row=answer.data, interval=answer.interval)

    def _confirmed(self) -> list[Comparison]:
        """What waits, looked at with all care; what can't be read is left out."""
        readings = []
        for stripe_id, waiting in self._waiting.items():
            snapshot = parse_subscription(waiting.row)
            if snapshot is None:
                name = stripe_id or "a subscription without id"
                self._errors.append(f"Stripe lists {name}, which can't be read.")
                continue
            readings.append(
                SubscriptionReading(
                    snapshot=snapshot, interval=waiting.interval, account=self._account
                )
            )
        found = []
        for comparison in confirm(readings, account=self._account):
            if comparison.is_certain and not comparison.takes_away:
                found.append(comparison)
            else:
                found += self._fetched(comparison)
        return found

    def _fetched(self, comparison: Comparison) -> list[Comparison]:
        """The comparison with a fetch by id: nothing is taken away that only a page says."""
        stripe_id = comparison.reading.snapshot.id
        try:
            return [compare_by_id(stripe_id, account=self._account, patience=self._patience)]
        except StripeObjectMissingError:
            self._vanished.append(stripe_id)
        except StripeUnavailableError:
            raise
        except (StripeError, UnsettledError) as error:
            self._errors.append(f"{stripe_id} can't be fetched: {without_secrets(str(error))}")
        return []

    def _drift_of(self, found: Iterable[Comparison]) -> list[Drift]:
        drift = []
        for comparison in found:
            remote = comparison.reading.snapshot
            amount, currency = at_stake(self._waiting[remote.id].row)
            for difference in self._differences(comparison):
                if self._options.wants(difference.kind):
                    drift.append(
                        drift_row(
                            self._run,
                            difference,
                            object_id=remote.id,
                            customer=comparison.customer,
                            customer_id=remote.customer_id,
                            amount=amount,
                            currency=currency,
                        )
                    )
        return drift

    def _differences(self, comparison: Comparison) -> list[Difference]:
        remote = comparison.reading.snapshot
        found = list(comparison.differences)
        if comparison.customer is None and found:
            found.append(
                Difference(kind=Kind.CUSTOMER_MISSING, here="not stored", stripe=remote.customer_id)
            )
        is_deleted = comparison.customer is not None and comparison.customer.is_deleted
        if is_deleted and remote.status not in TERMINAL_STATUSES:
            found.append(
                Difference(
                    kind=Kind.CUSTOMER_DELETED,
                    here=f"{remote.customer_id} is deleted",
                    stripe=f"{remote.customer_id} has a subscription that is {remote.status}",
                )
            )
        return found

    def unknown_terms(self, keys: Iterable[Key]) -> list[Drift]:
        """Prices and products that the catalog lacks, each told once."""
        drift = []
        for key in keys:
            if key[2] in TERMINAL_STATUSES:
                continue
            if not is_known(key):
                self._notes[f"{UNKNOWN}status {text(key[2]) or 'none'}"] += 1
            for difference in unknown_in_catalog(key, self._terms):
                name = (difference.kind, difference.stripe)
                if name not in self._unknown and self._options.wants(difference.kind):
                    self._unknown.add(name)
                    drift.append(drift_row(self._run, difference, object_id=difference.stripe))
        return drift

    def _vanished_drift(self) -> list[Drift]:
        """What was deleted between the page and the fetch is missing now, like the unlisted."""
        if not self._vanished:
            return []
        rows = Subscription.objects.filter(account=self._account, stripe_id__in=self._vanished)
        found = rows.values_list("stripe_id", "status", "customer__stripe_id")
        return [unlisted(self._run, *values) for values in found]

    def _record_and_repair(
        self, found: Iterable[Comparison], drift: list[Drift], known: Iterable[str]
    ) -> None:
        if drift:
            drift = record(drift)
        if not self._run.is_applying:
            return
        self._forget_repaired(drift, known)
        rows_of: dict[str, list[Drift]] = {}
        for row in drift:
            rows_of.setdefault(row.object_id, []).append(row)
        self._repairer.repair(
            [
                (comparison, rows_of[comparison.reading.snapshot.id])
                for comparison in found
                if comparison.reading.snapshot.id in rows_of
            ]
        )

    def _forget_repaired(self, drift: list[Drift], known: Iterable[str]) -> None:
        """Who goes on after a repair whose checkpoint was never written finds that repair done."""
        ids = list(known)
        if not ids:
            return
        current = {row.pk for row in drift}
        left = Drift.objects.filter(run=self._run, object_id__in=ids, state=Drift.State.FOUND)
        mark(list(left.exclude(pk__in=current)), Drift.State.REPAIRED)


def unlisted(run: ReconcileRun, stripe_id: str, status: str, customer_id: str | None) -> Drift:
    """A stored subscription that Stripe does not list: only suspected, until it was fetched."""
    difference = Difference(
        kind=Kind.SUBSCRIPTION_MISSING_AT_STRIPE, here=status, stripe=windows.UNLISTED
    )
    return drift_row(run, difference, object_id=stripe_id, customer_id=customer_id or "")
