"""What payments grant: held against what the stored ones are worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef

from ..conf import settings
from ..models import Customer, Drift, Entitlement, Payment, ReconcileRun, SourceKind
from ..rules.changes import takes_access_away
from ..rules.drift import Difference, entitlement_drift
from ..rules.drift_kinds import Kind
from ..rules.entitlements import Term, combine_terms
from ..rules.payment_snapshots import PAID, PaymentSnapshot
from ..rules.payments import Purchase, wanted_by_payment
from ..stripe_api import Pace
from ..sync import Cause, read_catalog, recompute_payments
from .allowing import changes_of
from .chunks import customers_of, in_chunks
from .options import Options
from .ownership import beat
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped

Terms = Mapping[str, Mapping[str, Term]]
"""By source and feature."""


class PaymentGrants:
    """Compares what is granted by payments with the rows alone; repairs what differs."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._repairer = Repairer(run, options, pace=pace)
        self._cause = Cause(kind="reconcile", id=str(run.pk))

    def compare(self) -> None:
        """A constant number of queries for each 500 customers."""
        paying = Payment.objects.filter(customer=OuterRef("pk"))
        granted = Entitlement.objects.filter(
            customer=OuterRef("pk"), source_kind=SourceKind.PAYMENT
        )
        for chunk in in_chunks(
            customers_of(self._options).filter(Exists(paying) | Exists(granted))
        ):
            beat(self._run)
            for customer, drift, changes in self._granted_wrong(chunk):
                self._record_and_repair(customer, drift, changes=changes)
        self._unlinked_customers()

    def _granted_wrong(
        self, customers: list[Customer]
    ) -> Iterator[tuple[Customer, list[Drift], int]]:
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
                changes = changes_of(
                    self._options.max_changes,
                    takes_away=takes_access_away(held=_together(found), wanted=_together(wanted)),
                    is_stored=True,
                )
                yield customer, drift, changes

    def _record_and_repair(self, customer: Customer, drift: list[Drift], *, changes: int) -> None:
        drift = record(drift)
        if not self._run.is_applying:
            return
        repair = partial(
            recompute_payments, customers=[customer.pk], account=self._account, cause=self._cause
        )
        if not self._repairer.allows(changes):
            mark(drift, Drift.State.FOUND, error=stopped(self._repairer.limit))
        elif self._repairer.attempt(drift, repair):
            mark(drift, Drift.State.REPAIRED)

    def _unlinked_customers(self) -> None:
        """Somebody has paid, and nobody gets what was paid for."""
        kind = Kind.CUSTOMER_UNLINKED
        if not self._options.wants(kind):
            return
        paid = Payment.objects.filter(customer=OuterRef("pk"), status=PAID)
        rows = customers_of(self._options).filter(Exists(paid), subscriber=None, is_deleted=False)
        for chunk in in_chunks(rows):
            record(
                [
                    drift_row(
                        self._run,
                        Difference(
                            kind=kind,
                            here=f"linked to nobody ({row.email or 'no e-mail'})",
                            stripe="has paid",
                        ),
                        object_id=str(row.stripe_id or row),
                        customer=row,
                    )
                    for row in chunk
                ]
            )


def takes_away(remote: PaymentSnapshot, customer: Customer) -> bool:
    """Whether its customer loses something when a payment becomes what Stripe says; three queries.

    All of the customer's payments together: one may grant what another granted before.
    """
    rows = list(Payment.objects.filter(customer=customer).prefetch_related("items"))
    for row in rows:
        row.customer = customer
    others = [row.purchase() for row in rows if row.stripe_id != remote.id]
    own = next((row.purchase() for row in rows if row.stripe_id == remote.id), None)
    paid_at = own.paid_at if own else None
    if remote.status == PAID and paid_at is None:
        paid_at = remote.charged_at
    purchases = [*others, Purchase(snapshot=remote, paid_at=paid_at)]
    products = {item.product_id for one in purchases for item in one.snapshot.items} - {""}
    wanted = wanted_by_payment(
        purchases,
        catalog=read_catalog(products, account=customer.account).products,
        policy=settings.payment_policy,
        is_customer_deleted=customer.is_deleted,
    )
    held: dict[str, dict[str, Term]] = {}
    entitlements = Entitlement.objects.filter(customer=customer, source_kind=SourceKind.PAYMENT)
    for one in entitlements.select_related("feature"):
        held.setdefault(one.source_id, {})[one.feature.stripe_id] = one.term
    return takes_access_away(held=_together(held), wanted=_together(wanted))


def _together(terms: Terms) -> dict[str, Term]:
    """What several sources give of each feature."""
    found: dict[str, Term] = {}
    for key, term in _flat(terms):
        found[key] = combine_terms(found[key], term, rule="max") if key in found else term
    return found


def _flat(terms: Terms) -> Iterable[tuple[str, Term]]:
    return [pair for own in terms.values() for pair in own.items()]


def _named(terms: Mapping[str, Term], names: Mapping[str, str]) -> dict[str, Term]:
    """Terms by what people call the features; two of one name by their ids, too."""
    keys = list(names.values())
    return {
        names[key] if keys.count(names[key]) == 1 else f"{names[key]} {key}": term
        for key, term in terms.items()
    }
