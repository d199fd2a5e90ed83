"""One-off payments in a run: Stripe's completed checkouts against what is stored.

A page is never believed: what seems to differ is fetched with its charge and disputes, so that a
webhook that arrives meanwhile can't be overwritten by something older.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from ..conf import settings
from ..exceptions import StripeError, StripeObjectMissingError, UnsettledError
from ..models import Customer, Drift, Entitlement, Payment, ReconcileRun, SourceKind
from ..models.mirrored import to_datetime
from ..rules.drift import Difference, Kind, entitlement_drift, payment_drift
from ..rules.entitlements import Term
from ..rules.json_values import identifier
from ..rules.ordering import Verdict, judge
from ..rules.payment_snapshots import PAID, PaymentSnapshot
from ..rules.payments import wanted_by_payment
from ..rules.snapshots import MISSING
from ..stripe_api import PAYMENT_EXPANSIONS, Pace, Page, read_page, without_secrets
from ..sync import (
    Cause,
    mark_payment_missing,
    read_catalog,
    read_payment,
    recompute_payments,
    sells_payments,
    suspects,
    sync_payment,
)
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped

ATTEMPTS = 5
CHUNK = 500
JUST_NOW = 2
"""Seconds before a run's first answer, in which what is created may miss the first page."""


class Payments:
    """Compares all one-off payments of an account, or of one customer; repairs what differs."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._patience = Patience(pace)
        self._repairer = Repairer(run, options, pace=pace)
        self._cause = Cause(kind="reconcile", id=str(run.pk))
        self._listed: set[str] = set()
        self._errors: list[str] = []

    def compare(self) -> list[str]:
        """Compare both ways; returns the errors. Raises StripeError when Stripe does not answer.

        Asks nothing where nothing is sold that is paid once, unless the run was told to.
        """
        if not (self._options.payments or sells_payments(self._account)):
            return []
        for page in self._pages():
            beat(self._run)
            self._listed |= {identifier(row) for row in page.rows}
            self._compare(suspects(page, account=self._account))
        self._unlisted()
        self._entitlements()
        self._unlinked_customers()
        return self._errors

    def _pages(self) -> Iterator[Page]:
        params: dict[str, Any] = {
            "status": "complete",
            "expand": [f"data.{path}" for path in PAYMENT_EXPANSIONS],
        }
        created: dict[str, int] = {}
        if self._options.customer_id:
            params["customer"] = self._options.customer_id  # on a test clock, even in the future
        else:
            created["lt"] = self._run.created_before
        if self._options.since is not None:
            created["gte"] = self._options.since
        if created:
            params["created"] = created
        cursor, has_more = "", True
        while has_more:
            read = partial(
                read_page, "/v1/checkout/sessions", params, cursor=cursor, account=self._account
            )
            page = self._patience(read)
            yield page
            cursor, has_more = page.cursor, page.has_more

    def _rows(self) -> QuerySet[Payment]:
        rows = Payment.objects.filter(account=self._account).select_related("customer__subscriber")
        if self._options.customer_id:
            rows = rows.filter(customer__stripe_id=self._options.customer_id)
        return rows.prefetch_related("items")

    # Payments

    def _compare(self, found: Iterable[PaymentSnapshot]) -> None:
        for listed in found:
            beat(self._run)
            try:
                remote, differences = self._confirmed(listed)
            except StripeObjectMissingError:
                self._errors.append(f"{listed.id} was listed by Stripe, and is gone.")
                continue
            except UnsettledError as error:
                self._errors.append(str(error))
                continue
            except StripeError as error:
                if not error.status or error.status >= 500:
                    raise
                text = without_secrets(str(error))
                self._errors.append(f"{listed.id} can't be fetched: {text}")
                continue
            customer = self._customer(remote.customer_id)
            self._record_and_repair(
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
                    for difference in differences
                    if self._options.wants(difference.kind)
                ],
                partial(sync_payment, remote, account=self._account, cause=self._cause),
            )

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

    def _customer(self, stripe_id: str) -> Customer | None:
        rows = Customer.objects.filter(account=self._account, stripe_id=stripe_id)
        return rows.select_related("subscriber").first()

    def _unlisted(self) -> None:
        """Stored payments that were on no page: each is asked for before that is believed."""
        kind = Kind.PAYMENT_MISSING_AT_STRIPE
        if not self._options.wants(kind):
            return
        rows = self._rows().exclude(status__in=["", MISSING])
        if self._options.since is not None:
            rows = rows.filter(stripe_created_at__gte=to_datetime(self._options.since))
        before = to_datetime(self._run.created_before - JUST_NOW)
        for row in _each(rows.filter(stripe_created_at__lt=before, customer__test_clock_id="")):
            if row.stripe_id in self._listed:
                continue
            beat(self._run)
            snapshot = row.snapshot(row.items.all())
            try:
                self._patience(
                    partial(read_payment, snapshot, account=self._account, is_row_made=False)
                )
            except StripeObjectMissingError:
                self._believe(row, kind)
            else:
                self._errors.append(
                    f"Stripe's list left out {row.stripe_id}, which it has: it was cut short. Run"
                    " it again."
                )

    def _believe(self, row: Payment, kind: Kind) -> None:
        difference = Difference(kind=kind, here=row.status, stripe="no such payment")
        self._record_and_repair(
            [
                drift_row(
                    self._run,
                    difference,
                    object_id=row.stripe_id,
                    customer=row.customer,
                    amount=row.amount,
                    currency=row.currency,
                )
            ],
            partial(mark_payment_missing, row, cause=self._cause),
        )

    # What they grant

    def _entitlements(self) -> None:
        """What is granted by payments, against what the stored payments are worth."""
        own = Customer.objects.filter(account=self._account)
        if self._options.customer_id:
            own = own.filter(stripe_id=self._options.customer_id)
        paying = Payment.objects.filter(customer=OuterRef("pk"))
        granted = Entitlement.objects.filter(
            customer=OuterRef("pk"), source_kind=SourceKind.PAYMENT
        )
        rows = own.filter(Exists(paying) | Exists(granted)).order_by("pk")
        last = 0
        while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
            last = chunk[-1].pk
            for customer, drift in self._granted_wrong(chunk):
                self._record_and_repair(
                    drift,
                    partial(
                        recompute_payments,
                        customers=[customer.pk],
                        account=self._account,
                        cause=self._cause,
                    ),
                )

    def _granted_wrong(self, customers: list[Customer]) -> Iterator[tuple[Customer, list[Drift]]]:
        with transaction.atomic():
            locked = Customer.objects.select_for_update().filter(
                pk__in=[customer.pk for customer in customers]
            )
            by_pk = {row.pk: row for row in locked.order_by("pk").prefetch_related("subscriber")}
            payments = list(
                Payment.objects.filter(customer__in=by_pk).prefetch_related("items", "customer")
            )
            held = list(
                Entitlement.objects.filter(
                    customer__in=by_pk, source_kind=SourceKind.PAYMENT
                ).select_related("feature")
            )
        products = {item.product_id for row in payments for item in row.items.all()} - {""}
        catalog = read_catalog(products, account=self._account)
        names = {key: feature.lookup_key for key, feature in catalog.features.items()}
        for customer in by_pk.values():
            wanted = wanted_by_payment(
                [row.purchase() for row in payments if row.customer_id == customer.pk],
                catalog=catalog.products,
                policy=settings.payment_policy,
                is_customer_deleted=customer.is_deleted,
            )
            found: dict[str, dict[str, Term]] = {}
            for entitlement in held:
                if entitlement.customer_id == customer.pk:
                    own = found.setdefault(entitlement.source_id, {})
                    own[entitlement.feature.stripe_id] = entitlement.term
                    names[entitlement.feature.stripe_id] = entitlement.feature.lookup_key
            drift = [
                drift_row(self._run, difference, object_id=source_id, customer=customer)
                for source_id in sorted(wanted.keys() | found.keys())
                for difference in entitlement_drift(
                    held=_named(found.get(source_id, {}), names),
                    wanted=_named(wanted.get(source_id, {}), names),
                )
                if self._options.wants(difference.kind)
            ]
            if drift:
                yield customer, drift

    def _unlinked_customers(self) -> None:
        """Somebody has paid, and nobody gets what was paid for."""
        kind = Kind.CUSTOMER_UNLINKED
        if not self._options.wants(kind):
            return
        rows = self._rows().filter(
            status=PAID, customer__subscriber=None, customer__is_deleted=False
        )
        told: set[int] = set()
        for row in _each(rows):
            if row.customer_id in told:
                continue
            told.add(row.customer_id)
            here = f"linked to nobody ({row.customer.email or 'no e-mail'})"
            record(
                [
                    drift_row(
                        self._run,
                        Difference(kind=kind, here=here, stripe="has paid"),
                        object_id=str(row.customer.stripe_id or row.customer),
                        customer=row.customer,
                    )
                ]
            )

    def _record_and_repair(self, drift: list[Drift], repair: Callable[[], object]) -> None:
        if not drift:
            return
        drift = record(drift)
        if not self._run.is_applying:
            return
        if not self._repairer.allows(1):
            mark(drift, Drift.State.FOUND, error=stopped(self._repairer.limit))
        elif self._repairer.attempt(drift, repair):
            mark(drift, Drift.State.REPAIRED)


def _named(terms: Mapping[str, Term], names: Mapping[str, str]) -> dict[str, Term]:
    """Terms by what people call the features; two of one name by their ids, too."""
    keys = list(names.values())
    return {
        names[key] if keys.count(names[key]) == 1 else f"{names[key]} {key}": term
        for key, term in terms.items()
    }


def _each(rows: QuerySet[Payment]) -> Iterator[Payment]:
    """The rows by primary key, a batch at a time: a repair may change what was read."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield from chunk
        last = chunk[-1].pk
