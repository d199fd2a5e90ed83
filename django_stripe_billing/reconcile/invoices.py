"""Open invoices: those at Stripe compared with those stored, and repaired.

Grace counts from the oldest unpaid invoice. Open ones are few, and a hundred come with a call, so
all are listed, where any subscription is `past_due` or any invoice unpaid. Those that nobody has
tried to collect yet are passed over, and those that are settled on both sides: they move no
entitlement.
"""

from __future__ import annotations

from collections.abc import Set
from functools import partial
from typing import Any

from django.db.models import QuerySet

from ..exceptions import StripeObjectMissingError
from ..models import Drift, Invoice, ReconcileRun, Subscription
from ..models.mirrored import to_datetime
from ..rules.drift import Difference, Kind
from ..rules.dunning import is_unpaid
from ..rules.invoices import InvoiceSnapshot, parse_invoice
from ..rules.ordering import Verdict, judge
from ..stripe_api import Pace, Page, read_page
from ..sync import InvoiceReading, apply_invoice, read_invoice, sync_invoice
from .options import Options
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped

CHUNK = 500


class InvoiceSweep:
    """Finds and repairs open invoices that differ; one call per hundred, one for each lost one."""

    def __init__(
        self, run: ReconcileRun, options: Options, *, repairer: Repairer, pace: Pace
    ) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._repairer = repairer
        self._patience = Patience(pace)

    def work(self) -> None:
        """Raises StripeError when Stripe does not answer."""
        if not self._options.wants(Kind.INVOICE_DIFFERS) or not self._is_needed():
            return
        listed: set[str] = set()
        cursor, has_more = "", True
        while has_more:
            page = self._page(cursor)
            listed |= self._compare(page)
            cursor, has_more = page.cursor, page.has_more
        self._look_for_settled(listed)

    def _is_needed(self) -> bool:
        troubled = Subscription.objects.filter(account=self._account, status="past_due")
        if self._options.customer_id:
            troubled = troubled.filter(customer__stripe_id=self._options.customer_id)
        return troubled.exists() or self._own_unpaid().exists()

    def _own_unpaid(self) -> QuerySet[Invoice]:
        rows: QuerySet[Invoice] = Invoice.objects.filter(account=self._account).unpaid()
        if self._options.since is not None:
            rows = rows.filter(stripe_created_at__gte=to_datetime(self._options.since))
        if self._options.customer_id:
            rows = rows.filter(customer__stripe_id=self._options.customer_id)
        return rows

    def _page(self, cursor: str) -> Page:
        params: dict[str, Any] = {"status": "open"}
        if self._options.since is not None:
            params["created"] = {"gte": self._options.since}
        if self._options.customer_id:
            params["customer"] = self._options.customer_id
        return self._patience(
            lambda: read_page("/v1/invoices", params, cursor=cursor, account=self._account)
        )

    def _compare(self, page: Page) -> set[str]:
        """Compare a page with the rows of its invoices; one query. The ids on it."""
        found = [snapshot for row in page.rows if (snapshot := parse_invoice(row)) is not None]
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
        return {snapshot.id for snapshot in found}

    def _look_for_settled(self, listed: Set[str]) -> None:
        """Those that are open here and were not listed: paid or given up, and we were not told."""
        rows = self._own_unpaid()
        for row in rows.select_related("customer").order_by("pk").iterator(CHUNK):
            if row.stripe_id in listed:
                continue
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


def _in_words(snapshot: InvoiceSnapshot | None) -> str:
    if snapshot is None:
        return "unknown"
    return (
        f"{snapshot.status}, {snapshot.amount_remaining} {snapshot.currency} left,"
        f" tried {snapshot.attempt_count} times, of {snapshot.subscription_id or 'no subscription'}"
    )
