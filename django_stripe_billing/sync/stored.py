"""What is stored about subscriptions, read under their customers' locks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import F

from ..models import Customer, Entitlement, Subscription, SubscriptionItem
from ..rules.ordering import Interval
from ..rules.snapshots import ENDED_STATUSES, SubscriptionSnapshot
from .insertion import insert


@dataclass(kw_only=True)
class Stored:
    """One subscription's row with its items and the entitlements that it grants."""

    subscription: Subscription
    items: dict[str, SubscriptionItem] = field(default_factory=dict)
    """By Stripe id."""
    entitlements: dict[int, Entitlement] = field(default_factory=dict)
    """By primary key."""

    changed_items: list[SubscriptionItem] = field(default_factory=list)
    """New and changed items that are still to be saved."""
    removed_items: list[SubscriptionItem] = field(default_factory=list)
    """Items that are still to be deleted."""

    @classmethod
    def new(cls, stripe_id: str, customer: Customer, *, account: str) -> Stored:
        """A subscription that has no row yet."""
        return cls(
            subscription=Subscription(account=account, stripe_id=stripe_id, customer=customer)
        )

    def take(self, snapshot: SubscriptionSnapshot, interval: Interval) -> None:
        """Fill the rows from a snapshot; `rows.write_rows` saves them."""
        self.subscription.take(snapshot)
        self.subscription.observe(interval)
        held, self.items = self.items, {}
        for wanted in snapshot.items:
            item = held.pop(wanted.id, None)
            if item is None:
                item = SubscriptionItem(subscription=self.subscription, stripe_id=wanted.id)
            if item.pk is None or item.snapshot() != wanted:
                item.subscription = self.subscription
                item.take(wanted)
                self.changed_items.append(item)
            self.items[wanted.id] = item
        self.removed_items += held.values()

    @property
    def product_ids(self) -> frozenset[str]:
        """The products by which a change of terms finds the subscription: none once it ended."""
        if self.subscription.status in ENDED_STATUSES:
            return frozenset()
        return frozenset(item.product_id for item in self.items.values())

    def snapshot(self) -> SubscriptionSnapshot:
        """The rows as a value; the subscription's `customer` must be loaded."""
        return self.subscription.snapshot(self.items.values())


def lock_customers(
    stripe_ids: Iterable[str], *, account: str, livemode: bool
) -> dict[str, Customer]:
    """Lock the rows of these customers, in one order, until the transaction ends.

    A customer that we did not make gets a row without a subscriber: it waits for an admin.
    """
    wanted = sorted(set(stripe_ids))
    found = _locked(wanted, account=account)
    missing = [stripe_id for stripe_id in wanted if stripe_id not in found]
    if not missing:
        return found
    rows = [
        Customer(account=account, stripe_id=stripe_id, livemode=livemode) for stripe_id in missing
    ]
    try:
        with transaction.atomic():
            insert(rows)
    except IntegrityError:  # somebody else makes one just now
        Customer.objects.bulk_create(rows, ignore_conflicts=True)
        return {**found, **_locked(missing, account=account)}
    return {**found, **{str(row.stripe_id): row for row in rows}}


def _locked(stripe_ids: list[str], *, account: str) -> dict[str, Customer]:
    rows = (
        Customer.objects.select_for_update()
        .filter(account=account, stripe_id__in=stripe_ids)
        .order_by("pk")
    )
    return {str(row.stripe_id): row for row in rows}


def lock_by_key(keys: Iterable[int]) -> dict[int, Customer]:
    """Lock customers by primary key, in the same order, until the transaction ends."""
    rows = Customer.objects.select_for_update().filter(pk__in=list(keys)).order_by("pk")
    return {row.pk: row for row in rows}


def read_stored(stripe_ids: Iterable[str], *, account: str) -> dict[str, Stored]:
    """The stored subscriptions of these ids with items and entitlements, by id.

    One query, however many there are; two more where one is unknown or has no items.
    """
    wanted = set(stripe_ids)
    found: dict[str, Stored] = {}
    rows = (
        SubscriptionItem.objects.filter(
            subscription__account=account, subscription__stripe_id__in=wanted
        )
        .select_related("subscription")
        .annotate(**{f"held_{name}": F(f"subscription__entitlements__{name}") for name in _HELD})
        .order_by("pk")
    )
    for row in rows:
        stored = found.setdefault(row.subscription.stripe_id, Stored(subscription=row.subscription))
        stored.items[row.stripe_id] = row
        values = {name: getattr(row, f"held_{name}") for name in _HELD}
        if values["id"] is not None:
            stored.entitlements[values["id"]] = Entitlement(
                **values, subscription_id=row.subscription_id
            )
    if wanted - found.keys():
        _read_without_items(wanted - found.keys(), into=found, account=account)
    return found


_HELD = (
    "id",
    "customer_id",
    "feature_id",
    "source_kind",
    "source_id",
    "ends_at",
    "limit",
    "reason",
    "granted_at",
)


def _read_without_items(wanted: set[str], *, into: dict[str, Stored], account: str) -> None:
    rows = Subscription.objects.filter(account=account, stripe_id__in=wanted)
    bare = {row.pk: Stored(subscription=row) for row in rows}
    for stored in bare.values():
        into[stored.subscription.stripe_id] = stored
    if bare:
        for entitlement in Entitlement.objects.filter(subscription_id__in=bare):
            if entitlement.subscription_id is not None:
                bare[entitlement.subscription_id].entitlements[entitlement.pk] = entitlement
