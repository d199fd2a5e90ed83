"""One window of one-off payments: Stripe's completed checkouts against what is stored.

A page is never believed: what seems to differ is fetched with its charge and disputes, so that a
webhook that arrives meanwhile can't be overwritten by something older. Stripe lists the checkouts
of every mode together; those that are no one-off payments are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ..exceptions import StripeError, StripeObjectMissingError, UnsettledError
from ..models import Customer, Drift, Payment, ReconcileRun
from ..models.mirrored import to_datetime
from ..rules.drift import Difference, payment_drift
from ..rules.drift_kinds import Kind
from ..rules.json_values import customer_of, identifier, mapping
from ..rules.ordering import Verdict, judge
from ..rules.payment_snapshots import PaymentSnapshot, parse_payment
from ..rules.snapshots import MISSING
from ..stripe_api import PAYMENT_EXPANSIONS, Page, without_secrets
from ..sync import Cause, read_payment, suspects, sync_payment
from . import windows
from .allowing import changes_of
from .assignment import Assignment
from .customers import DeletedCustomers
from .options import Options
from .ownership import beat
from .payment_grants import takes_away
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped
from .walking import Walk

ATTEMPTS = 5
MOST_MISSING = 1_000
"""Payments of one page's range that Stripe does not list, before the run gives up."""


class PaymentWorker(Walk):
    """Compares the one-off payments of one window."""

    path = "/v1/checkout/sessions"
    params: Mapping[str, Any] = {
        "status": "complete",
        "expand": [f"data.{path}" for path in [*PAYMENT_EXPANSIONS, "customer"]],
    }

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self._repairer = Repairer(given.run, given.options, pace=given.pace)
        self._cause = Cause(kind="reconcile", id=str(given.run.pk))
        self._deleted = DeletedCustomers(
            given.run, given.options, patience=self._patience, repairer=self._repairer
        )

    def look(self, page: Page, *, is_continued: bool) -> None:
        """Compare a page, and the stored payments of its range of time; four queries."""
        listed = self._unseen(page)
        unread = self._unreadable(listed)
        lost = sum(not self._settle(found) for found in suspects(page, account=self._account))
        self._deleted.ask_known(
            {
                customer_of(row)
                for row in listed
                if mapping(row.get("customer")).get("deleted") is True
            }
        )
        known = {identifier(row) for row in listed} | self._progress.edge
        record(self._missing(known, low=self._floor(page), high=self._ceiling))
        self._advance(page, listed, compared=len(listed) - lost - unread)

    def _unreadable(self, listed: list[dict[str, Any]]) -> int:
        """How many purchases of a customer can't be read; each is an error."""
        unread = [
            identifier(row) or "a checkout without id"
            for row in listed
            if row.get("mode") == "payment" and customer_of(row) and parse_payment(row) is None
        ]
        self._errors += [f"Stripe lists {name}, which can't be read." for name in unread]
        return len(unread)

    # What Stripe lists

    def _settle(self, listed: PaymentSnapshot) -> bool:
        """Look at a payment that seems to differ with all care; False where it can't be read."""
        beat(self._run)
        try:
            remote, differences = self._confirmed(listed)
        except StripeObjectMissingError:
            self._errors.append(f"{listed.id} was listed by Stripe, and is gone.")
            return False
        except UnsettledError as error:
            self._errors.append(str(error))
            return False
        except StripeError as error:
            if not error.status or error.status >= 500:
                raise
            self._errors.append(f"{listed.id} can't be fetched: {without_secrets(str(error))}")
            return False
        self._record_and_repair(remote, differences)
        return True

    def _confirmed(self, listed: PaymentSnapshot) -> tuple[PaymentSnapshot, list[Difference]]:
        """The payment as it was fetched, and what differs under its customer's lock."""
        for _attempt in range(ATTEMPTS):
            reading = self._patience(
                partial(read_payment, listed, account=self._account, is_row_made=False)
            )
            with transaction.atomic():
                Customer.objects.select_for_update().filter(
                    account=self._account, stripe_id=reading.snapshot.customer_id
                ).first()
                row = self._rows().filter(stripe_id=listed.id).first()
                local = row.snapshot(row.items.all()) if row else None
            differences = payment_drift(local, reading.snapshot)
            if row is None or not differences or row.revision == reading.revision:
                return reading.snapshot, differences
            verdict = judge(stored=row.observed, new=reading.interval, same_content=False)
            if verdict is Verdict.STALE:  # a webhook told of something newer than this
                return reading.snapshot, []
            if verdict is Verdict.NEWER:
                return reading.snapshot, differences
        raise UnsettledError(f"{listed.id} changed during each of {ATTEMPTS} fetches.")

    def _rows(self) -> QuerySet[Payment]:
        rows = Payment.objects.filter(account=self._account).select_related("customer__subscriber")
        if self._options.customer_id:
            rows = rows.filter(customer__stripe_id=self._options.customer_id)
        return rows.prefetch_related("items")

    def _record_and_repair(self, remote: PaymentSnapshot, differences: list[Difference]) -> None:
        wanted = [difference for difference in differences if self._options.wants(difference.kind)]
        if not wanted:
            return
        customers = Customer.objects.filter(account=self._account, stripe_id=remote.customer_id)
        customer = customers.select_related("subscriber").first()
        drift = record(
            [
                drift_row(
                    self._run,
                    difference,
                    object_id=remote.id,
                    customer=customer,
                    customer_id=remote.customer_id,
                    amount=remote.amount,
                    currency=remote.currency,
                )
                for difference in wanted
            ]
        )
        repair_payments(
            self._run,
            self._options,
            drift,
            partial(sync_payment, remote, account=self._account, cause=self._cause),
            repairer=self._repairer,
            changes=changes_of(
                self._options.max_changes,
                takes_away=customer is not None and takes_away(remote, customer),
                is_stored=all(row.kind != Kind.PAYMENT_MISSING for row in drift),
            ),
        )

    # What Stripe does not list

    def _missing(self, listed: set[str], *, low: int, high: int) -> list[Drift]:
        """Payments of the seconds that are now fully listed, and were on no page.

        They are only suspected: each is asked for by its id when all windows are done.
        """
        if not self._options.wants(Kind.PAYMENT_MISSING_AT_STRIPE):
            return []
        rows = (
            self._rows()
            .exclude(status__in=["", MISSING])
            .filter(
                stripe_created_at__gt=to_datetime(max(low, 0)),
                stripe_created_at__lte=to_datetime(high),
                customer__test_clock_id="",
            )
            .exclude(stripe_id__in=listed)
            .order_by("pk")
        )
        most = None if self._options.allow_empty else MOST_MISSING
        found = list(rows[:most])
        if len(found) == MOST_MISSING and not self._options.allow_empty:
            self._errors.append(
                f"{MOST_MISSING:,} payments or more that are stored are missing from one page of"
                " Stripe's list: it is cut short, or the API key is another account's."
            )
        return [unlisted(self._run, row) for row in found]


def unlisted(run: ReconcileRun, row: Payment) -> Drift:
    """A stored payment that Stripe does not list: only suspected, until it was asked for."""
    difference = Difference(
        kind=Kind.PAYMENT_MISSING_AT_STRIPE, here=row.status, stripe=windows.UNLISTED
    )
    return drift_row(
        run,
        difference,
        object_id=row.stripe_id,
        customer=row.customer,
        amount=row.amount,
        currency=row.currency,
    )


def repair_payments(
    run: ReconcileRun,
    options: Options,
    drift: list[Drift],
    repair: Callable[[], object],
    *,
    repairer: Repairer,
    changes: int,
) -> None:
    """Repair what was recorded, where the run repairs and the limit lets it."""
    if not drift or not run.is_applying:
        return
    if not repairer.allows(changes):
        mark(drift, Drift.State.FOUND, error=stopped(repairer.limit))
    elif repairer.attempt(drift, repair):
        mark(drift, Drift.State.REPAIRED)
