"""Subscriptions that no page showed: each is asked for by its id before it is believed."""

from __future__ import annotations

from urllib.parse import quote

from django.db.models import QuerySet

from ..exceptions import (
    StripeError,
    StripeObjectMissingError,
    StripeUnavailableError,
    UnsettledError,
)
from ..models import Drift, ReconcileRun, Subscription
from ..models.mirrored import to_second
from ..rules.drift_kinds import Kind
from ..rules.snapshots import ENDED_STATUSES, MISSING
from ..stripe_api import Pace, request, without_secrets
from ..sync import Cause, mark_missing
from . import windows
from .amounts import worth
from .chunks import in_chunks
from .comparing import Comparison
from .fetching import compare_by_id
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped

KIND = Kind.SUBSCRIPTION_MISSING_AT_STRIPE
GONE = "no such subscription"
JUST_NOW = 2
"""Seconds before a run's first answer, in which what is created may miss the first page."""


class MissingSubscriptions:
    """Settles what the windows only suspected, when all of them are done."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._patience = Patience(pace)
        self._repairer = Repairer(run, options, pace=pace)
        self._cause = Cause(kind="reconcile", id=str(run.pk))

    def settle(self, *, listed: int) -> None:
        """Ask for each. Raises StripeError when Stripe does not answer.

        Nothing is asked or written where there are more than the run may change, or where Stripe
        listed nothing at all: then the key is another account's, or the list was cut short. Errors
        are written onto the windows, so that a resumed run lists those anew.
        """
        suspected = self._suspected().count()
        if not suspected:
            return
        if listed == 0 and not self._options.allow_empty and not self._is_customer_known():
            windows.doubt(
                self._run,
                f"Stripe lists no subscription at all, and {suspected:,} are live here. Is the API"
                " key of the right account and mode? If so, run it with --allow-empty.",
            )
            return
        if suspected > self._repairer.limit and not self._options.allow_empty:
            windows.doubt(
                self._run,
                f"{suspected:,} live subscriptions are not in Stripe's list, more than the"
                f" {self._repairer.limit:,} that this run may change (--max-changes). Is the API"
                " key of the right account? Nothing was done about them.",
            )
            return
        for chunk in in_chunks(self._suspected()):
            for row in chunk:
                self._ask(row)

    def _is_customer_known(self) -> bool:
        """One customer may have no subscription at all, if Stripe knows the customer."""
        customer_id = self._options.customer_id
        if not customer_id:
            return False
        try:
            path = f"/v1/customers/{quote(customer_id, safe='')}"
            self._patience(lambda: request("get", path, account=self._options.account))
        except StripeObjectMissingError:
            return False
        return True

    def _suspected(self) -> QuerySet[Drift]:
        """Those that are not settled: also what a run was killed at, between belief and repair."""
        rows = Drift.objects.filter(run=self._run, kind=KIND, state=Drift.State.FOUND, error="")
        return rows if self._run.is_applying else rows.exclude(stripe=GONE)

    def _ask(self, row: Drift) -> None:
        beat(self._run)
        stored = (
            Subscription.objects.filter(account=self._options.account, stripe_id=row.object_id)
            .select_related("customer__subscriber")
            .first()
        )
        if stored is None or stored.status in ENDED_STATUSES:
            is_ours = row.stripe == GONE and stored is not None and stored.status == MISSING
            mark([row], Drift.State.REPAIRED if is_ours else Drift.State.GONE)
            return
        try:
            found = compare_by_id(
                row.object_id, account=self._options.account, patience=self._patience
            )
        except StripeObjectMissingError:
            self._believe(row, stored)
            return
        except StripeUnavailableError:
            raise
        except (StripeError, UnsettledError) as error:
            text = f"{row.object_id} can't be fetched: {without_secrets(str(error))}"
            windows.doubt(self._run, text, created=to_second(stored.stripe_created_at))
            return
        mark([row], Drift.State.GONE)
        self._take(found, stored)
        remote = found.reading.snapshot
        is_in_place = (
            remote.created == int(stored.stripe_created_at.timestamp())
            and remote.created < self._run.created_before - JUST_NOW
            and remote.customer_id == stored.customer.stripe_id
        )
        if is_in_place and not remote.test_clock_id:
            windows.doubt(
                self._run,
                f"Stripe's list left out {remote.id}, which it has: it was cut short, and nothing"
                " was concluded from it.",
                created=remote.created,
            )

    def _believe(self, row: Drift, stored: Subscription) -> None:
        """Stripe does not have it: the drift is certain."""
        if not self._options.wants(KIND):
            mark([row], Drift.State.GONE)
            return
        row.stripe = GONE
        row.subscriber = str(stored.customer.subscriber or "")[:255]
        row.amount, row.currency = worth(stored)
        row.save(update_fields=["stripe", "subscriber", "amount", "currency"])
        if not self._run.is_applying:
            return
        if not self._repairer.allows(1):
            mark([row], Drift.State.FOUND, error=stopped(self._repairer.limit))
        elif self._repairer.attempt([row], lambda: mark_missing(stored, cause=self._cause)):
            mark([row], Drift.State.REPAIRED)

    def _take(self, found: Comparison, stored: Subscription) -> None:
        """It is there: whatever else differs is drift like any other."""
        remote = found.reading.snapshot
        amount, currency = worth(stored)
        rows = record(
            [
                drift_row(
                    self._run,
                    difference,
                    object_id=remote.id,
                    customer=found.customer,
                    amount=amount,
                    currency=currency,
                )
                for difference in found.differences
                if self._options.wants(difference.kind)
            ]
        )
        if rows and self._run.is_applying:
            self._repairer.repair([(found, rows)])
