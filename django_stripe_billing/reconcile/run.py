"""A reconcile run: list, compare both ways, report, and repair through the one door."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..exceptions import BillingError, StripeError, StripeObjectMissingError
from ..models import Customer, Entitlement, Subscription
from ..rules.drift import Difference, Kind
from ..rules.json_values import identifier
from ..rules.snapshots import ENDED_STATUSES, parse_subscription
from ..stripe_api import Page, counted_calls, pages, without_secrets
from ..sync import (
    Cause,
    SubscriptionReading,
    mark_missing,
    read_subscription,
    recompute_subscriptions,
    revoke_unfounded,
    settle,
)
from .comparing import Comparison, compare
from .report import Drift, Report

ROUNDS = 3
"""How often a subscription is fetched that keeps changing while it is compared."""

BATCH = 500


def reconcile(
    *, apply: bool, customer_id: str = "", account: str = "", allow_empty: bool = False
) -> Report:
    """Compare every subscription of Stripe with the database, and the database with Stripe.

    Writes nothing unless `apply`; then every repair goes through the same door as webhooks, with
    this run as its cause. `customer_id` (`cus_…`) compares one customer only. Never raises for
    what Stripe does: an error is in the report, and the run is then incomplete.
    """
    report = Report(run=uuid.uuid4().hex[:12], applied=apply)
    run = _Run(report, apply=apply, account=account, customer_id=customer_id)
    with counted_calls() as counter:
        try:
            run.compare_stripe_with_here()
            run.compare_here_with_stripe(allow_empty=allow_empty)
            run.find_unfounded_entitlements()
            report.is_complete = True
        except StripeError as error:
            report.errors.append(
                f"Stopped after {report.subscriptions:,} subscriptions:"
                f" {without_secrets(str(error))}"
            )
    report.calls = counter["calls"]
    return report


class _Run:
    def __init__(self, report: Report, *, apply: bool, account: str, customer_id: str) -> None:
        self._report = report
        self._apply = apply
        self._account = account
        self._customer_id = customer_id
        self._cause = Cause(kind="reconcile", id=report.run)
        self._seen: set[str] = set()

    def compare_stripe_with_here(self) -> None:
        params = {"status": "all"}
        if self._customer_id:
            params["customer"] = self._customer_id
        for page in pages("/v1/subscriptions", params, account=self._account):
            self._compare(self._readings(page))

    def compare_here_with_stripe(self, *, allow_empty: bool) -> None:
        """What is stored as live and was not listed is fetched by its id."""
        live = Subscription.objects.filter(account=self._account).exclude(status__in=ENDED_STATUSES)
        if self._customer_id:
            live = live.filter(customer__stripe_id=self._customer_id)
        unseen = [
            row
            for row in live.select_related("customer", "customer__subscriber").iterator(BATCH)
            if row.stripe_id not in self._seen
        ]
        if unseen and not self._seen and not self._customer_id and not allow_empty:
            raise StripeError(
                f"Stripe lists no subscription at all, and {len(unseen):,} are live here. Is the"
                " API key of the right account and mode? If so, run it with --allow-empty."
            )
        for row in unseen:
            self._compare_unlisted(row)

    def find_unfounded_entitlements(self) -> None:
        """Entitlements that no page could show: their subscription is gone, or unknown here."""
        rows = Entitlement.objects.filter(customer__account=self._account)
        if self._customer_id:
            rows = rows.filter(customer__stripe_id=self._customer_id)
        unfounded = rows.filter(subscription=None) | rows.filter(
            subscription__status__in=ENDED_STATUSES
        )
        found = [
            row
            for row in unfounded.select_related("customer", "customer__subscriber", "feature")
            if row.subscription_id is None or row.source_id not in self._seen
        ]
        entries = [
            self._note(
                row.customer,
                row.source_id,
                Difference(
                    kind=Kind.ENTITLEMENT_EXTRA,
                    here=f"{row.feature.lookup_key}: granted",
                    stripe="nothing that would grant it",
                ),
            )
            for row in found
        ]
        if self._apply and found:
            self._repair(entries, lambda: self._revoke(found))

    def _revoke(self, rows: Sequence[Entitlement]) -> None:
        revoke_unfounded([row for row in rows if row.subscription_id is None], cause=self._cause)
        recompute_subscriptions(
            {row.source_id for row in rows if row.subscription_id is not None},
            account=self._account,
            cause=self._cause,
        )

    def _readings(self, page: Page) -> list[SubscriptionReading]:
        readings = []
        for row in page.rows:
            self._report.subscriptions += 1
            snapshot = parse_subscription(row)
            if snapshot is None:
                self._report.errors.append(
                    f"Stripe lists {identifier(row) or 'a subscription without id'}, which can't"
                    " be read."
                )
                continue
            self._seen.add(snapshot.id)
            readings.append(
                SubscriptionReading(
                    snapshot=snapshot, interval=page.interval, account=self._account
                )
            )
        return readings

    def _compare(self, readings: Sequence[SubscriptionReading]) -> None:
        found = compare(readings, account=self._account)
        for comparison in found:
            self._report.notes.update(comparison.notes)
        self._take(entry for entry in found if entry.is_certain)
        for entry in found:
            if not entry.is_certain:
                self._take(self._fetched(entry.reading.snapshot.id))

    def _fetched(self, stripe_id: str) -> list[Comparison]:
        """The comparison with a fetch by id: certain, unless it kept changing during fetches."""
        for _round in range(ROUNDS):
            reading = read_subscription(stripe_id, account=self._account)
            [found] = compare([reading], account=self._account)
            if found.is_certain:
                return [found]
        self._report.errors.append(f"{stripe_id} kept changing while it was compared.")
        return []

    def _compare_unlisted(self, row: Subscription) -> None:
        try:
            self._take(self._fetched(row.stripe_id))
        except StripeObjectMissingError:
            entry = self._note(
                row.customer,
                row.stripe_id,
                Difference(
                    kind=Kind.MISSING_IN_STRIPE, here=row.status, stripe="no such subscription"
                ),
            )
            if self._apply:
                self._repair([entry], lambda: mark_missing(row, cause=self._cause))

    def _take(self, comparisons: Iterable[Comparison]) -> None:
        for comparison in comparisons:
            entries = [
                self._note(comparison.customer, comparison.reading.snapshot.id, difference)
                for difference in comparison.differences
            ]
            if self._apply and entries:
                self._repair(entries, partial(self._write, comparison))

    def _write(self, comparison: Comparison) -> None:
        """Repair one subscription, and look whether that helped."""
        reading = comparison.reading
        if comparison.is_row_equal:
            recompute_subscriptions([reading.snapshot.id], account=self._account, cause=self._cause)
        else:
            settle([reading], cause=self._cause)
        [after] = compare([reading], account=self._account)
        if after.differences:
            raise BillingError(
                "It differs still: a subscription that ended here never comes back to life."
            )

    def _note(self, customer: Customer | None, subscription: str, difference: Difference) -> Drift:
        subscriber = customer and customer.subscriber
        entry = Drift(
            kind=difference.kind.value,
            subscription=subscription,
            customer=(customer and customer.stripe_id) or "",
            subscriber="" if subscriber is None else str(subscriber),
            here=difference.here,
            stripe=difference.stripe,
        )
        self._report.drift.append(entry)
        return entry

    def _repair(self, entries: Iterable[Drift], repair: Callable[[], object]) -> None:
        """Try, and write the outcome onto the drift; one failure does not stop the run."""
        try:
            repair()
        except BillingError as error:
            text = without_secrets(str(error))
            for entry in entries:
                entry.error = text
            self._report.errors.append(text)
            return
        for entry in entries:
            entry.repaired = True
