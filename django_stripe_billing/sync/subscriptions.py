"""Subscriptions: readings from Stripe → rows → entitlements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from ..conf import settings
from ..exceptions import CustomerConflictError
from ..models import (
    Customer,
    Entitlement,
    Feature,
    Invoice,
    SourceKind,
    Subscription,
)
from ..models.invoices import Waiting
from ..rules.entitlements import wanted_entitlements
from ..rules.ordering import Interval, Verdict
from ..rules.snapshots import ENDED_STATUSES, MISSING, SubscriptionSnapshot
from .catalog_terms import read_catalog
from .deadlocks import begun_anew
from .door import Cause, Grant, write_entitlements
from .locking import lock_named_products
from .mirror import judge_row
from .rows import write_rows
from .stored import Stored, lock_by_key, lock_customers, read_stored
from .subscription_news import tell_of_change, tell_of_endings
from .trial_claims import refuse_trials

NO_ROW = -1
"""The revision that a fetch notes while no row is stored."""


@dataclass(frozen=True, kw_only=True)
class SubscriptionReading:
    """A subscription as Stripe stated it, in an interval of Stripe's clock."""

    snapshot: SubscriptionSnapshot
    interval: Interval
    account: str = ""
    revision: int | None = None
    """For a fetch by id: the stored revision that was noted before the request left."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a reading. AMBIGUOUS: nothing was written, the object must be fetched."""

    stripe_id: str
    account: str
    verdict: Verdict
    revision: int
    """The stored row's revision after it was judged; NO_ROW without a row."""
    is_invoice_unknown: bool = False
    """It was written as unpaid, and the grace is a guess: its latest invoice is not stored."""


@begun_anew
def apply_subscriptions(readings: Sequence[SubscriptionReading], *, cause: Cause) -> list[Outcome]:
    """Judge readings by the ordering rule, store the newer ones, and write what they grant.

    All of one account, at most one reading per subscription. The number of queries does not grow
    with theirs. Asks Stripe nothing; opens a transaction unless one is open.
    """
    if not readings:
        return []
    account = readings[0].account
    with transaction.atomic():
        customers = lock_customers(
            (reading.snapshot.customer_id for reading in readings),
            account=account,
            livemode=settings.livemode,
        )
        stored = read_stored((reading.snapshot.id for reading in readings), account=account)
        outcomes, applied = [], []
        named: set[str] = set()
        for reading in readings:
            customer = customers[reading.snapshot.customer_id]
            entry = stored.get(reading.snapshot.id)
            _check_owner(entry, customer)
            verdict, interval = _judge(reading, entry, customer)
            if verdict is Verdict.NEWER:
                entry = entry or Stored.new(reading.snapshot.id, customer, account=account)
                applied.append((entry, entry.subscription.status))
                named |= reading.snapshot.product_ids - entry.product_ids
                entry.take(reading.snapshot, interval)
            outcomes.append(
                Outcome(
                    stripe_id=reading.snapshot.id,
                    account=account,
                    verdict=verdict,
                    revision=entry.subscription.revision if entry else NO_ROW,
                )
            )
        lock_named_products(named, account=account)
        refuse_trials([(entry.subscription, before) for entry, before in applied])
        write_rows([entry for entry, _ in applied])
        entries = [entry for entry, _ in applied]
        waiting = _waiting(entries, account=account)
        write_grants(entries, waiting=waiting, account=account, cause=cause)
        for entry, status_before in applied:
            tell_of_change(entry.subscription, status_before=status_before)
    return [
        replace(outcome, is_invoice_unknown=outcome.stripe_id in waiting.unknown)
        for outcome in outcomes
    ]


def _waiting(entries: Sequence[Stored], *, account: str) -> Waiting:
    """What invoices say about those that are past due; no query without any."""
    troubled = [entry.snapshot() for entry in entries if entry.subscription.status == "past_due"]
    return Invoice.objects.waiting(troubled, account=account)


def recompute_subscriptions(stripe_ids: Iterable[str], *, account: str = "", cause: Cause) -> int:
    """Write anew what stored subscriptions grant, from the rows alone; returns the changes made."""
    wanted = list(stripe_ids)
    with transaction.atomic():
        owners = Subscription.objects.filter(account=account, stripe_id__in=wanted)
        customers = lock_by_key(owners.values_list("customer_id", flat=True))
        entries = []
        for entry in read_stored(wanted, account=account).values():
            if entry.subscription.customer_id in customers:
                entry.subscription.customer = customers[entry.subscription.customer_id]
                entries.append(entry)
        waiting = _waiting(entries, account=account)
        return write_grants(entries, waiting=waiting, account=account, cause=cause)


def mark_missing(subscription: Subscription, *, cause: Cause) -> None:
    """End a subscription that Stripe says it does not have, and what it granted.

    `subscription` as it was read before Stripe was asked: when it changed since, nothing is done.
    """
    with transaction.atomic():
        customer = Customer.objects.select_for_update().get(pk=subscription.customer_id)
        entry = read_stored([subscription.stripe_id], account=subscription.account).get(
            subscription.stripe_id
        )
        if entry is None or entry.subscription.revision != subscription.revision:
            return
        row = entry.subscription
        row.customer = customer
        if row.status in ENDED_STATUSES:
            return
        status_before, row.status = row.status, MISSING
        row.revision += 1
        row.save(update_fields=["status", "revision"])
        write_grants([entry], waiting=Waiting(), account=row.account, cause=cause)
        tell_of_change(row, status_before=status_before)


def revoke_unfounded(entitlements: Iterable[Entitlement], *, cause: Cause) -> int:
    """Delete entitlements whose source does not exist here; returns the changes made."""
    wanted = [entitlement.pk for entitlement in entitlements]
    with transaction.atomic():
        owners = Customer.objects.filter(entitlements__pk__in=wanted).values_list("pk", flat=True)
        customers = lock_by_key(owners)
        rows = Entitlement.objects.filter(pk__in=wanted, subscription=None).select_related(
            "feature"
        )
        grants = [
            Grant(
                customer=customers[row.customer_id],
                source_kind=row.source_kind,
                source_id=row.source_id,
                subscription=None,
                terms={},
                held=(row,),
            )
            for row in rows
            if row.customer_id in customers
        ]
        features = {row.feature_id: row.feature for row in rows}
        return len(write_entitlements(grants, cause=cause, features=features))


def write_grants(entries: Sequence[Stored], *, waiting: Waiting, account: str, cause: Cause) -> int:
    """Write what these stored subscriptions grant; returns the number of changes.

    The caller holds their customers' locks.
    """
    if not entries:
        return 0
    snapshots = [entry.snapshot() for entry in entries]
    catalog = read_catalog(
        (product for snapshot in snapshots for product in snapshot.product_ids), account=account
    )
    policy = settings.policy
    grants = []
    for entry, snapshot in zip(entries, snapshots, strict=True):
        customer = entry.subscription.customer
        wanted = wanted_entitlements(
            snapshot,
            catalog=catalog.products,
            policy=policy,
            is_customer_deleted=customer.is_deleted,
            unpaid_since=waiting.since.get(snapshot.id),
            is_trial_refused=entry.subscription.is_trial_refused,
        )
        own, strays = _sorted_out(entry)
        grants += strays
        grants.append(
            Grant(
                customer=customer,
                source_kind=SourceKind.SUBSCRIPTION,
                source_id=snapshot.id,
                subscription=entry.subscription,
                terms={catalog.features[key].pk: term for key, term in wanted.items()},
                held=own,
            )
        )
    recorded = write_entitlements(grants, cause=cause, features=_by_pk(catalog.features))
    tell_of_endings(
        recorded,
        subscriptions={entry.subscription.stripe_id: entry.subscription for entry in entries},
    )
    return len(recorded)


def _sorted_out(entry: Stored) -> tuple[tuple[Entitlement, ...], list[Grant]]:
    """A subscription's own entitlements, and the end of those that somebody moved away by hand."""
    subscription = entry.subscription
    source = (subscription.customer_id, SourceKind.SUBSCRIPTION, subscription.stripe_id)
    own: list[Entitlement] = []
    strays: list[Entitlement] = []
    for row in entry.entitlements.values():
        is_own = (row.customer_id, row.source_kind, row.source_id) == source
        (own if is_own else strays).append(row)
    return tuple(own), [
        Grant(
            customer=Customer.objects.select_for_update().get(pk=row.customer_id),
            source_kind=row.source_kind,
            source_id=row.source_id,
            subscription=subscription,
            terms={},
            held=(row,),
        )
        for row in strays
    ]


def _by_pk(features: Mapping[str, Feature]) -> dict[int, Feature]:
    return {feature.pk: feature for feature in features.values()}


def _judge(
    reading: SubscriptionReading, entry: Stored | None, customer: Customer
) -> tuple[Verdict, Interval]:
    """The verdict on a reading, and the interval to store when it is NEWER."""
    new = reading.interval
    if entry is None:
        return (Verdict.NEWER if reading.snapshot.is_complete else Verdict.AMBIGUOUS), new
    row = entry.subscription
    row.customer = customer
    if row.is_terminal and not reading.snapshot.is_terminal:
        return Verdict.STALE, new
    verdict, interval = judge_row(
        row,
        new,
        same_content=reading.snapshot == entry.snapshot(),
        revision=reading.revision,
    )
    if verdict is Verdict.NEWER and not reading.snapshot.is_complete:
        return Verdict.AMBIGUOUS, new
    return verdict, interval


def _check_owner(entry: Stored | None, customer: Customer) -> None:
    if entry is not None and entry.subscription.customer_id != customer.pk:
        raise CustomerConflictError(
            f"{entry.subscription.stripe_id} is stored for another customer than {customer}."
        )
