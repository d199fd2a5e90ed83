"""Comparing what Stripe says of subscriptions with what is stored, both ways.

A page is compared in two steps. `suspects` is fast and may be wrong about what changes meanwhile;
`confirm` looks at the suspects alone, under their customers' locks, by the ordering rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from ..conf import settings
from ..models import Customer, Feature, Invoice, Price, Product, SourceKind, Subscription
from ..rules.changes import takes_access_away
from ..rules.drift import KNOWN_STATUSES, Difference, entitlement_drift, subscription_drift
from ..rules.drift_kinds import Kind
from ..rules.entitlements import Catalog, Policy, Term, wanted_entitlements
from ..rules.json_values import integer, mapping, objects, text
from ..rules.money import per_month
from ..rules.ordering import Verdict, judge
from ..rules.snapshots import TERMINAL_STATUSES, SubscriptionSnapshot
from ..sync import CatalogTerms, Stored, SubscriptionReading, read_catalog, read_stored
from .row_keys import Key, Row, snapshot_of


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the catalog said when the run, or one of its windows, began."""

    products: Catalog
    feature_pks: Mapping[str, int]
    """By Stripe id."""
    known_prices: frozenset[str]
    known_products: frozenset[str]
    policy: Policy


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
    is_stored: bool
    takes_away: bool
    """Making it equal takes access from somebody: it is fetched before that is believed."""


def read_terms(*, account: str) -> Terms:
    """The whole catalog; three queries."""
    products = Product.objects.filter(account=account).values_list("stripe_id", flat=True)
    known_products = frozenset(products)
    catalog = read_catalog(known_products, account=account)
    return Terms(
        products=catalog.products,
        feature_pks={key: row.pk for key, row in catalog.features.items()},
        known_prices=frozenset(
            Price.objects.filter(account=account).values_list("stripe_id", flat=True)
        ),
        known_products=known_products,
        policy=settings.policy,
    )


def is_known(key: Key) -> bool:
    """Whether this version knows the status; another grants nothing and is noted."""
    return key[2] in KNOWN_STATUSES


def is_suspect(key: Key, row: Row, terms: Terms) -> bool:
    """Whether something seems to differ, given a key of Stripe's that is equal to the row's."""
    if row.is_held_elsewhere or (row.is_customer_deleted and key[2] not in TERMINAL_STATUSES):
        return True
    wanted = wanted_entitlements(
        snapshot_of(key),
        catalog=terms.products,
        policy=terms.policy,
        is_customer_deleted=row.is_customer_deleted,
        unpaid_since=row.unpaid_since,
        is_trial_refused=row.is_trial_refused,
    )
    held = row.held
    return len(held) != len(wanted) or any(
        held.get(terms.feature_pks[feature_id]) != term for feature_id, term in wanted.items()
    )


def unknown_in_catalog(key: Key, terms: Terms) -> list[Difference]:
    """Prices and products of a running subscription that the catalog lacks."""
    found = []
    for _id, price_id, product_id, *_rest in key[-1]:
        if price_id not in terms.known_prices:
            found.append(
                Difference(
                    kind=Kind.PRICE_UNKNOWN, here="not in the catalog", stripe=price_id or "none"
                )
            )
        if product_id not in terms.known_products:
            found.append(
                Difference(
                    kind=Kind.FEATURE_UNKNOWN,
                    here="the product is not in the catalog",
                    stripe=product_id or "none",
                )
            )
    return found


def confirm(readings: Sequence[SubscriptionReading], *, account: str) -> list[Comparison]:
    """Compare readings with the stored rows under their customers' locks; writes nothing.

    A constant number of queries. Nobody writes to these rows meanwhile, so that rows and
    entitlements are of one moment.
    """
    if not readings:
        return []
    with transaction.atomic():
        ids = {reading.snapshot.id for reading in readings}
        customers = _lock_customers(readings, ids, account=account)
        stored = read_stored(ids, account=account)
        late = {entry.subscription.customer_id for entry in stored.values()} - customers.keys()
        if late:  # a webhook has just stored a subscription with its customer
            customers |= _locked(Q(pk__in=late))
        for entry in stored.values():
            entry.subscription.customer = customers[entry.subscription.customer_id]
        view = _View(stored, customers, readings, account=account)
    return [_compare(reading, stored.get(reading.snapshot.id), view) for reading in readings]


def at_stake(subscription: Mapping[str, Any]) -> tuple[int | None, str]:
    """What Stripe's JSON of a subscription is worth a month: minor units and the currency.

    The amount is None where a price has none: tiers, or usage.
    """
    total = 0
    for item in objects(subscription.get("items")):
        price = mapping(item.get("price"))
        recurring = mapping(price.get("recurring"))
        amount = integer(price.get("unit_amount"))
        if amount is None:
            return None, text(subscription.get("currency"), longest=3)
        total += per_month(
            amount * (1 if item.get("quantity") is None else integer(item.get("quantity")) or 0),
            interval=text(recurring.get("interval")),
            interval_count=integer(recurring.get("interval_count")) or 0,
        )
    return total, text(subscription.get("currency"), longest=3)


class _View:
    """The rows that the comparison of a batch needs."""

    def __init__(
        self,
        stored: dict[str, Stored],
        customers: dict[int, Customer],
        readings: Sequence[SubscriptionReading],
        *,
        account: str,
    ) -> None:
        self.customers = {row.stripe_id: row for row in customers.values()}
        self.unpaid_since = Invoice.objects.unpaid_since(
            _past_due(readings, stored), account=account
        )
        products: set[str] = set()
        for reading in readings:
            products |= reading.snapshot.product_ids
        for entry in stored.values():
            products |= {item.product_id for item in entry.items.values()}
        self.catalog: CatalogTerms = read_catalog(products - {""}, account=account)
        self.policy = settings.policy
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

    def wanted(
        self, snapshot: SubscriptionSnapshot, customer: Customer | None, entry: Stored | None
    ) -> dict[str, Term]:
        """What a subscription grants, by the features' names."""
        terms = wanted_entitlements(
            snapshot,
            catalog=self.catalog.products,
            policy=self.policy,
            is_customer_deleted=customer is not None and customer.is_deleted,
            unpaid_since=self.unpaid_since.get(snapshot.id),
            is_trial_refused=entry is not None and entry.subscription.is_trial_refused,
        )
        return {self.names[self.catalog.features[key].pk]: term for key, term in terms.items()}


def _past_due(readings: Iterable[SubscriptionReading], stored: Mapping[str, Stored]) -> set[str]:
    """The subscriptions that are `past_due`, here or at Stripe."""
    remote = {reading.snapshot.id for reading in readings if reading.snapshot.status == "past_due"}
    return remote | {
        stripe_id for stripe_id, entry in stored.items() if entry.subscription.status == "past_due"
    }


def _lock_customers(
    readings: Sequence[SubscriptionReading], ids: set[str], *, account: str
) -> dict[int, Customer]:
    named = {reading.snapshot.customer_id for reading in readings}
    owners = Subscription.objects.filter(account=account, stripe_id__in=ids)
    wanted = Q(stripe_id__in=named, account=account) | Q(
        pk__in=list(owners.values_list("customer_id", flat=True))
    )
    return _locked(wanted)


def _locked(which: Q) -> dict[int, Customer]:
    rows = Customer.objects.select_for_update().filter(which).order_by("pk")
    return {row.pk: row for row in rows.prefetch_related("subscriber")}


def _compare(reading: SubscriptionReading, entry: Stored | None, view: _View) -> Comparison:
    remote = reading.snapshot
    local = entry.snapshot() if entry else None
    differences = subscription_drift(local, remote)
    is_certain = remote.is_complete
    if entry is not None and differences and reading.revision != entry.subscription.revision:
        verdict = judge(
            stored=entry.subscription.observed, new=reading.interval, same_content=False
        )
        is_certain = is_certain and verdict is not Verdict.AMBIGUOUS
        if verdict is Verdict.STALE and reading.revision is None:  # if the clocks are one
            is_certain = False
        elif verdict is Verdict.STALE:  # a webhook told of something newer than this
            differences, is_certain = [], True
    is_row_equal = not differences
    customer = entry.subscription.customer if entry else view.customers.get(remote.customer_id)
    held: list[tuple[str, Term]] = []
    if entry is not None and local is not None:
        held = [(view.names[row.feature_id], row.term) for row in entry.entitlements.values()]
        if is_row_equal:
            differences = _entitlements(entry, view, wanted=view.wanted(local, customer, entry))
    wanted = view.wanted(remote, customer, entry) if differences else {}
    return Comparison(
        reading=reading,
        customer=customer,
        differences=tuple(differences),
        is_certain=is_certain,
        is_row_equal=is_row_equal,
        is_stored=entry is not None,
        takes_away=bool(differences)
        and any(takes_access_away(held={key: term}, wanted=wanted) for key, term in held),
    )


def _entitlements(entry: Stored, view: _View, *, wanted: Mapping[str, Term]) -> list[Difference]:
    """What differs; an entitlement that is somebody else's, or names another source, is extra."""
    subscription = entry.subscription
    source = (subscription.customer_id, SourceKind.SUBSCRIPTION, subscription.stripe_id)
    own, strays = {}, []
    for row in entry.entitlements.values():
        if (row.customer_id, row.source_kind, row.source_id) == source:
            own[view.names[row.feature_id]] = row.term
        else:
            strays.append(row)
    owners = Customer.objects.in_bulk({row.customer_id for row in strays})
    return entitlement_drift(held=own, wanted=wanted) + [
        Difference(
            kind=Kind.ENTITLEMENT_EXTRA,
            here=f"{key}: granted to {owners.get(row.customer_id)} by {row.source_id}",
            stripe=f"{key}: {subscription.stripe_id} grants nothing there",
            subject=f"{key} of {owners.get(row.customer_id)}",
        )
        for row in strays
        for key in [view.names[row.feature_id]]
    ]
