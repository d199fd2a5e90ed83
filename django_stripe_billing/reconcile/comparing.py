"""Comparing readings of subscriptions with what is stored, in a constant number of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from ..conf import settings
from ..models import Customer, Feature
from ..rules.drift import KNOWN_STATUSES, Difference, entitlement_drift, subscription_drift
from ..rules.entitlements import wanted_entitlements
from ..rules.ordering import Verdict, judge
from ..rules.snapshots import SubscriptionSnapshot
from ..sync import CatalogTerms, Stored, SubscriptionReading, read_catalog, read_stored


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One subscription, here and at Stripe."""

    reading: SubscriptionReading
    customer: Customer | None
    """The stored customer: the row's own, else the one that Stripe names."""
    differences: tuple[Difference, ...]
    is_certain: bool
    """False: the two readings overlap in time, and only a fetch by id tells which is newer."""
    is_row_equal: bool
    """Nothing but entitlements differs."""
    notes: tuple[str, ...]
    """What this version does not know of it."""


def compare(readings: Sequence[SubscriptionReading], *, account: str) -> list[Comparison]:
    """Compare readings with the stored rows; writes nothing. At most six queries."""
    stored = read_stored((reading.snapshot.id for reading in readings), account=account)
    view = _Stored(stored, [reading.snapshot for reading in readings], account=account)
    return [_compare(reading, stored.get(reading.snapshot.id), view) for reading in readings]


class _Stored:
    """The rows that the comparison of a batch needs."""

    def __init__(
        self, stored: dict[str, Stored], snapshots: Iterable[SubscriptionSnapshot], *, account: str
    ) -> None:
        rows = [entry.subscription for entry in stored.values()]
        products: set[str] = set()
        customers: set[str] = set()
        for snapshot in snapshots:
            products |= snapshot.product_ids
            customers.add(snapshot.customer_id)
        found = Customer.objects.select_related("subscriber").filter(
            Q(pk__in={row.customer_id for row in rows})
            | Q(account=account, stripe_id__in=customers)
        )
        self.customers = {customer.stripe_id: customer for customer in found}
        by_pk = {customer.pk: customer for customer in self.customers.values()}
        for row in rows:
            row.customer = by_pk[row.customer_id]
        for entry in stored.values():
            products |= {item.product_id for item in entry.items.values()}
        self.catalog: CatalogTerms = read_catalog(products - {""}, account=account)
        self.names = self._name_features(stored.values())

    def _name_features(self, stored: Iterable[Stored]) -> dict[int, str]:
        """Features for people to read, by primary key."""
        features = {feature.pk: feature for feature in self.catalog.features.values()}
        held = {row.feature_id for entry in stored for row in entry.entitlements.values()}
        if held - features.keys():
            features |= Feature.objects.in_bulk(held - features.keys())
        uses = Counter(feature.lookup_key for feature in features.values())
        return {
            pk: feature.lookup_key
            if uses[feature.lookup_key] == 1
            else f"{feature.lookup_key} {feature.stripe_id}"
            for pk, feature in features.items()
        }


def _compare(reading: SubscriptionReading, entry: Stored | None, view: _Stored) -> Comparison:
    remote = reading.snapshot
    local = entry.snapshot() if entry else None
    differences = subscription_drift(local, remote)
    is_certain = remote.is_complete
    if entry is not None and differences and reading.revision != entry.subscription.revision:
        verdict = judge(
            stored=entry.subscription.observed, new=reading.interval, same_content=False
        )
        is_certain = is_certain and verdict is not Verdict.AMBIGUOUS
        if verdict is Verdict.STALE:  # a webhook told of something newer than this
            differences, is_certain = [], True
    is_row_equal = not differences
    if entry is not None and local is not None and is_row_equal:
        differences = _entitlements(entry, local, view)
    return Comparison(
        reading=reading,
        customer=entry.subscription.customer if entry else view.customers.get(remote.customer_id),
        differences=tuple(differences),
        is_certain=is_certain,
        is_row_equal=is_row_equal,
        notes=tuple(_notes(remote, view)),
    )


def _entitlements(entry: Stored, local: SubscriptionSnapshot, view: _Stored) -> list[Difference]:
    wanted = wanted_entitlements(
        local,
        catalog=view.catalog.products,
        policy=settings.policy,
        is_customer_deleted=entry.subscription.customer.is_deleted,
    )
    return entitlement_drift(
        held={view.names[row.feature_id]: row.term for row in entry.entitlements.values()},
        wanted={
            view.names[view.catalog.features[feature_id].pk]: term
            for feature_id, term in wanted.items()
        },
    )


def _notes(remote: SubscriptionSnapshot, view: _Stored) -> Iterable[str]:
    if remote.status not in KNOWN_STATUSES:
        yield f"unknown status {remote.status or 'none'}"
    if remote.is_terminal:
        return
    for product in sorted(remote.product_ids - view.catalog.products.keys()):
        yield f"product without features here: {product}"
