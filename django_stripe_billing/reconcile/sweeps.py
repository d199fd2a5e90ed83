"""What no page of Stripe's shows: looked for in the database alone, a few queries each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.utils import timezone

from ..exceptions import ChangesRefusedError
from ..models import (
    Customer,
    Drift,
    Event,
    ReconcileRun,
    Subscription,
    SubscriptionItem,
)
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.entitlements import PAID_STATUSES
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import Pace
from ..sync import (
    Cause,
)
from ..webhooks import process_again
from .amounts import Amount, paid_by, together, worth_of
from .chunks import customers_of, in_chunks
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, forget_repaired, mark, record
from .repairing import Repairer
from .trials import TrialSweep
from .unfounded import UnfoundedEntitlements

STUCK_AFTER = timedelta(minutes=15)


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
        UnfoundedEntitlements(
            self._run, self._options, repairer=self._repairer, pace=self._pace
        ).work()

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

    def _unlinked_customers(self) -> None:
        """Somebody pays, and nobody gets what is paid for."""
        kind = Kind.CUSTOMER_UNLINKED
        if not self._options.wants(kind):
            return
        paying = Subscription.objects.filter(customer=OuterRef("pk"), status__in=PAID_STATUSES)
        rows = customers_of(self._options).filter(Exists(paying), subscriber=None, is_deleted=False)
        for chunk in in_chunks(rows):
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
        rows = customers_of(self._options).filter(Exists(paying), subscriber=None, is_deleted=False)
        for chunk in in_chunks(rows.exclude(email="")):
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
            subscription__customer__in=customers_of(self._options)
        ).exclude(Q(subscription__status__in=[*ENDED_STATUSES, "incomplete"]) | Q(product_id=""))
        doubled = (
            running.values("subscription__customer_id", "product_id")
            .annotate(number=Count("subscription_id", distinct=True))
            .filter(number__gt=1)
        )
        for entry in doubled.order_by().iterator():
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
        for chunk in in_chunks(rows):
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
        forget_repaired(self._run, kind)

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


def _beyond_one(amounts: Iterable[Amount]) -> Amount:
    """What is paid twice: all but the dearest."""
    listed = list(amounts)
    total, currency = together(listed)
    dearest = max(amount or 0 for amount, _currency in listed)
    return (None if total is None else total - dearest), currency


def told(event_type: str, created_at: datetime | None) -> str:
    """An event, for people."""
    return event_type if created_at is None else f"{event_type} of {created_at:%Y-%m-%d %H:%M}"
