"""Open invoices: those at Stripe compared with those stored, and repaired.

Grace counts from the oldest unpaid invoice. Open ones are few, and a hundred come with a call, so
all are listed, where any subscription is `past_due` or any invoice unpaid. Those that nobody has
tried to collect yet are passed over, and those that are settled on both sides: they move no
entitlement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet

from ..exceptions import StripeObjectMissingError
from ..models import Drift, Invoice, Subscription
from ..models.mirrored import to_datetime
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.dunning import is_unpaid
from ..rules.invoices import InvoiceSnapshot, parse_invoice
from ..rules.json_values import identifier
from ..rules.ordering import Verdict, judge
from ..stripe_api import Page
from ..sync import InvoiceReading, apply_invoice, read_invoice, sync_invoice
from .assignment import Assignment
from .options import Options
from .ownership import beat
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped
from .walking import Walk

CHUNK = 500


class InvoiceWorker(Walk):
    """Finds and repairs open invoices that differ; one call per hundred, one for each lost one."""

    path = "/v1/invoices"
    params: Mapping[str, Any] = {"status": "open"}

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self._repairer = Repairer(given.run, given.options, pace=given.pace)

    def look(self, page: Page, *, is_continued: bool) -> None:
        listed = self._unseen(page)
        compared = self._compare(listed, page)
        is_first = not self._progress.listed
        self._look_for_settled(
            {identifier(row) for row in listed} | self._progress.edge,
            low=self._floor(page),
            high=None if is_first else self._progress.lowest,
        )
        self._advance(page, listed, compared=compared)

    def _compare(self, listed: Sequence[Mapping[str, Any]], page: Page) -> int:
        """Compare a page with the rows of its invoices; one query. How many could be read."""
        found = [snapshot for row in listed if (snapshot := parse_invoice(row)) is not None]
        rows = {
            row.stripe_id: row
            for row in Invoice.objects.filter(
                account=self._account, stripe_id__in=[snapshot.id for snapshot in found]
            ).select_related("customer")
        }
        for snapshot in found:
            row = rows.get(snapshot.id)
            stored = row.snapshot() if row else None
            if not is_unpaid(snapshot) and not (stored and is_unpaid(stored)):
                continue
            if row is not None:
                verdict = judge(
                    stored=row.observed, new=page.interval, same_content=stored == snapshot
                )
                if verdict in {Verdict.STALE, Verdict.SAME} or stored == snapshot:
                    continue
            reading = InvoiceReading(
                snapshot=snapshot, interval=page.interval, account=self._account
            )
            self._found(reading, stored)
        return len(found)

    def _look_for_settled(self, listed: Set[str], *, low: int, high: int | None) -> None:
        """Those of the page's range of time that are open here and were not listed: paid or given
        up, and we were not told."""
        within = Q(stripe_created_at__gt=to_datetime(max(low, 0)))
        if high is not None:
            within &= Q(stripe_created_at__lte=to_datetime(high))
        rows = own_unpaid(self._options).filter(within).exclude(stripe_id__in=listed)
        for row in rows.select_related("customer").order_by("pk").iterator(CHUNK):
            beat(self._run)
            try:
                reading = self._patience(
                    partial(read_invoice, row.stripe_id, account=self._account)
                )
            except StripeObjectMissingError:  # which is no proof that it was deleted
                drift = self._record(row.snapshot(), here=row.snapshot(), stripe=None)
                mark([drift], Drift.State.FAILED, error="Stripe does not know the invoice.")
                continue
            if reading.snapshot != row.snapshot():
                self._found(reading, row.snapshot())

    def _found(self, reading: InvoiceReading, local: InvoiceSnapshot | None) -> None:
        drift = self._record(reading.snapshot, here=local, stripe=reading.snapshot)
        if self._run.is_applying:
            is_free = local is None and self._options.max_changes.is_share
            self._repair(drift, reading, changes=0 if is_free else 1)

    def _record(
        self,
        known: InvoiceSnapshot,
        *,
        here: InvoiceSnapshot | None,
        stripe: InvoiceSnapshot | None,
    ) -> Drift:
        difference = Difference(
            kind=Kind.INVOICE_DIFFERS, here=_in_words(here), stripe=_in_words(stripe)
        )
        [drift] = record(
            [
                drift_row(
                    self._run,
                    difference,
                    object_id=known.id,
                    customer_id=known.customer_id,
                    amount=known.amount_remaining,
                    currency=known.currency,
                )
            ]
        )
        return drift

    def _repair(self, drift: Drift, reading: InvoiceReading, *, changes: int) -> None:
        if not self._repairer.allows(changes):
            mark([drift], Drift.State.FOUND, error=stopped(self._repairer.limit))
            return

        def repair() -> None:
            cause = self._repairer.cause
            verdict = apply_invoice(reading, cause=cause)
            if verdict is Verdict.AMBIGUOUS:
                verdict = sync_invoice(reading.snapshot.id, account=self._account, cause=cause)
            if verdict is Verdict.STALE:
                mark([drift], Drift.State.GONE)

        if self._repairer.attempt([drift], repair) and drift.state == Drift.State.FOUND:
            mark([drift], Drift.State.REPAIRED)


def are_compared(options: Options) -> bool:
    """Whether open invoices matter: any subscription is `past_due`, or any invoice unpaid."""
    if not options.wants(Kind.INVOICE_DIFFERS):
        return False
    troubled = Subscription.objects.filter(account=options.account, status="past_due")
    if options.customer_id:
        troubled = troubled.filter(customer__stripe_id=options.customer_id)
    return troubled.exists() or own_unpaid(options).exists()


def own_unpaid(options: Options) -> QuerySet[Invoice]:
    rows: QuerySet[Invoice] = Invoice.objects.filter(account=options.account).unpaid()
    if options.since is not None:
        rows = rows.filter(stripe_created_at__gte=to_datetime(options.since))
    if options.customer_id:
        rows = rows.filter(customer__stripe_id=options.customer_id)
    return rows


def _in_words(snapshot: InvoiceSnapshot | None) -> str:
    if snapshot is None:
        return "unknown"
    return (
        f"{snapshot.status}, {snapshot.amount_remaining} {snapshot.currency} left,"
        f" tried {snapshot.attempt_count} times, of {snapshot.subscription_id or 'no subscription'}"
    )
