"""What no page of Stripe's shows: looked for in the database alone, a few queries each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from django.db import transaction
from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from ..exceptions import ChangesRefusedError, StripeObjectMissingError
from ..models import (
    Customer,
    Drift,
    Entitlement,
    Event,
    ReconcileRun,
    SourceKind,
    Subscription,
    SubscriptionItem,
)
from ..rules.drift import Difference, Kind
from ..rules.entitlements import PAID_STATUSES
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import Pace
from ..sync import (
    Cause,
    SubscriptionReading,
    apply_subscriptions,
    read_subscription,
    recompute_subscriptions,
    revoke_unfounded,
)
from ..webhooks import process_again
from .amounts import Amount, paid_by, together, worth_of
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer, stopped
from .trials import TrialSweep

Row = TypeVar("Row", bound=Model)

UNFOUNDED = "nothing that would grant it"
"""What is written at Stripe's side of an entitlement without a source."""

STUCK_AFTER = timedelta(minutes=15)
CHUNK = 500


class Sweeps:
    """The searches of a run apart from its pages, and their repairs."""

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._repairer = Repairer(run, options, pace=pace)
        self._cause = Cause(kind="reconcile", id=str(run.pk))
        self._pace = pace
        self._patience = Patience(pace)

    def before(self) -> None:
        """What must be put right first: a stray entitlement stands in the way of the right one."""
        self._unfounded_entitlements()

    def after(self) -> None:
        """What is looked for when all pages were compared."""
        self._unlinked_customers()
        self._duplicate_customers()
        self._duplicate_subscriptions()
        if not self._options.customer_id:
            self._events(Kind.EVENT_FAILED, Q(status=Event.Status.FAILED))
            silent = timezone.now() - STUCK_AFTER
            stuck = Q(processed_at=None, received_at__lt=silent)
            settled = Q(status__in=[Event.Status.FAILED, Event.Status.REJECTED])
            self._events(Kind.EVENT_STUCK, stuck & ~settled)
        TrialSweep(self._run, self._options, repairer=self._repairer, pace=self._pace).work()

    def _customers(self) -> QuerySet[Customer]:
        rows = Customer.objects.filter(account=self._account)
        if self._options.customer_id:
            rows = rows.filter(stripe_id=self._options.customer_id)
        return rows

    def _unfounded_entitlements(self) -> None:
        """Entitlements of subscriptions that are gone, ended, or unknown here."""
        kind = Kind.ENTITLEMENT_EXTRA
        if not self._options.wants(kind):
            return
        rows = (
            Entitlement.objects.filter(
                customer__in=self._customers(), source_kind=SourceKind.SUBSCRIPTION
            )
            .filter(Q(subscription=None) | Q(subscription__status__in=ENDED_STATUSES))
            .select_related("customer__subscriber", "feature", "subscription")
        )
        for chunk in _chunks(rows):
            drift = record(
                [
                    drift_row(
                        self._run,
                        Difference(
                            kind=kind,
                            here=f"{row.feature.lookup_key}: granted",
                            stripe=UNFOUNDED,
                            subject=row.feature.lookup_key,
                        ),
                        object_id=row.source_id,
                        customer=row.customer,
                    )
                    for row in chunk
                ]
            )
            self._repair(drift, len({row.source_id for row in chunk}), self._revoking(chunk))
        self._forget_repaired(kind, stripe=UNFOUNDED)

    def _revoking(self, rows: Sequence[Entitlement]) -> Callable[[], None]:
        """Revoke what has no source; one that Stripe has after all is stored in the same moment."""

        def revoke() -> None:
            loose = [row for row in rows if row.subscription_id is None]
            lost = self._lost_sources({row.source_id for row in loose})
            with transaction.atomic():
                revoke_unfounded(loose, cause=self._cause)
                apply_subscriptions(lost, cause=self._cause)
                founded = {row.subscription.stripe_id for row in rows if row.subscription}
                again = {row.source_id for row in loose} | founded
                recompute_subscriptions(again, account=self._account, cause=self._cause)

        return revoke

    def _lost_sources(self, source_ids: set[str]) -> list[SubscriptionReading]:
        """Subscriptions that are not stored, and that Stripe has: it is asked before."""
        own = Subscription.objects.filter(account=self._account, stripe_id__in=source_ids)
        known = set(own.values_list("stripe_id", flat=True))
        found = []
        for source_id in sorted(source_ids - known):
            beat(self._run)
            try:
                found.append(
                    self._patience(partial(read_subscription, source_id, account=self._account))
                )
            except StripeObjectMissingError:
                continue
        return found

    def _forget_repaired(self, kind: Kind, **values: str) -> None:
        """What a resumed run does not find again was repaired before it broke off."""
        if self._run.is_applying and self._run.resumed:
            left = Drift.objects.filter(
                run=self._run, kind=kind, state=Drift.State.FOUND, error="", **values
            )
            mark(list(left), Drift.State.REPAIRED)

    def _unlinked_customers(self) -> None:
        """Somebody pays, and nobody gets what is paid for."""
        kind = Kind.CUSTOMER_UNLINKED
        if not self._options.wants(kind):
            return
        paying = Subscription.objects.filter(customer=OuterRef("pk"), status__in=PAID_STATUSES)
        rows = self._customers().filter(Exists(paying), subscriber=None, is_deleted=False)
        for chunk in _chunks(rows):
            paid = paid_by([row.pk for row in chunk])
            record(
                [
                    drift_row(
                        self._run,
                        Difference(
                            kind=kind,
                            here=f"linked to nobody ({row.email or 'no e-mail'})",
                            stripe="pays",
                        ),
                        object_id=str(row.stripe_id or row),
                        customer=row,
                        amount=paid[row.pk][0],
                        currency=paid[row.pk][1],
                    )
                    for row in chunk
                ]
            )

    def _duplicate_customers(self) -> None:
        """Somebody who is linked, and pays as another customer whom nobody is linked to."""
        kind = Kind.CUSTOMER_DUPLICATE
        if not self._options.wants(kind):
            return
        paying = Subscription.objects.filter(customer=OuterRef("pk"), status__in=PAID_STATUSES)
        rows = self._customers().filter(Exists(paying), subscriber=None, is_deleted=False)
        for chunk in _chunks(rows.exclude(email="")):
            paid = paid_by([row.pk for row in chunk])
            emails = {row.email.lower() for row in chunk}
            linked = Customer.objects.filter(account=self._account, is_deleted=False)
            others = {
                row.email.lower(): row
                for row in linked.exclude(subscriber=None)
                .annotate(lowered=Lower("email"))
                .filter(lowered__in=emails)
                .select_related("subscriber")
            }
            record(
                [
                    drift_row(
                        self._run,
                        Difference(
                            kind=kind,
                            here=f"{other} is linked to {other.subscriber}",
                            stripe=f"{row} pays, with the same e-mail address",
                            subject=str(other.stripe_id or ""),
                        ),
                        object_id=str(row.stripe_id or row),
                        customer=row,
                        amount=paid[row.pk][0],
                        currency=paid[row.pk][1],
                    )
                    for row in chunk
                    if (other := others.get(row.email.lower())) is not None
                ]
            )

    def _duplicate_subscriptions(self) -> None:
        """Two running subscriptions of one customer to one product."""
        kind = Kind.SUBSCRIPTION_DUPLICATE
        if not self._options.wants(kind):
            return
        running = SubscriptionItem.objects.filter(
            subscription__customer__in=self._customers()
        ).exclude(Q(subscription__status__in=[*ENDED_STATUSES, "incomplete"]) | Q(product_id=""))
        doubled = (
            running.values("subscription__customer_id", "product_id")
            .annotate(number=Count("subscription_id", distinct=True))
            .filter(number__gt=1)
        )
        for entry in doubled.order_by().iterator(CHUNK):
            customer = Customer.objects.select_related("subscriber").get(
                pk=entry["subscription__customer_id"]
            )
            items = running.filter(subscription__customer=customer, product_id=entry["product_id"])
            doubles = Subscription.objects.filter(pk__in=items.values("subscription"))
            ids = sorted(doubles.values_list("stripe_id", flat=True))
            amount, currency = _beyond_one(worth_of(doubles).values())
            record(
                [
                    drift_row(
                        self._run,
                        Difference(
                            kind=kind,
                            here=f"{len(ids)} subscriptions to {entry['product_id']}",
                            stripe=", ".join(ids),
                            subject=entry["product_id"],
                        ),
                        object_id=ids[0],
                        customer=customer,
                        amount=amount,
                        currency=currency,
                    )
                ]
            )

    def _events(self, kind: Kind, which: Q) -> None:
        if not self._options.wants(kind):
            return
        rows = Event.objects.filter(which, account=self._account).defer("payload").order_by("pk")
        for chunk in _chunks(rows):
            drift = record(
                [
                    drift_row(
                        self._run,
                        Difference(
                            kind=kind,
                            here=row.error or row.status,
                            stripe=told(row.type, row.stripe_created_at),
                        ),
                        object_id=row.stripe_id,
                        customer_id=row.customer_id,
                    )
                    for row in chunk
                ]
            )
            if self._run.is_applying:
                for entry in drift:
                    self._process(entry)
        self._forget_repaired(kind)

    def _process(self, entry: Drift) -> None:
        beat(self._run)
        event = Event.objects.get(account=self._account, stripe_id=entry.object_id)
        try:
            process_again(event, allow=self._repairer.allowing())
        except ChangesRefusedError as refusal:
            mark([entry], Drift.State.FOUND, error=str(refusal))
        except Exception as error:  # a handler of the project's may raise anything
            mark([entry], Drift.State.FAILED, error=f"{type(error).__name__}: {error}")
        else:
            mark([entry], Drift.State.REPAIRED)

    def _repair(self, drift: list[Drift], number: int, repair: Callable[[], object]) -> None:
        if not drift or not self._run.is_applying:
            return
        if not self._repairer.allows(number):
            mark(drift, Drift.State.FOUND, error=stopped(self._repairer.limit))
        elif self._repairer.attempt(drift, repair):
            mark(drift, Drift.State.REPAIRED)


def _beyond_one(amounts: Iterable[Amount]) -> Amount:
    """What is paid twice: all but the dearest."""
    listed = list(amounts)
    total, currency = together(listed)
    dearest = max(amount or 0 for amount, _currency in listed)
    return (None if total is None else total - dearest), currency


def told(event_type: str, created_at: datetime | None) -> str:
    """An event, for people."""
    return event_type if created_at is None else f"{event_type} of {created_at:%Y-%m-%d %H:%M}"


def _chunks(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """The rows by primary key, a batch at a time: a repair may delete what was read."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk
