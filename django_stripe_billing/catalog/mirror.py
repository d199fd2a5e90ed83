"""Stripe's catalog → the database, through the one door."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from ..conf import settings
from ..exceptions import StripeObjectMissingError
from ..models import Feature, Price, Product, ProductFeature
from ..rules.catalog import combine_rule_of
from ..rules.catalog_snapshots import parse_feature
from ..rules.json_values import identifier
from ..rules.ordering import Interval, Verdict
from ..sync import Cause, apply_feature, apply_product_features, lock_products, recompute
from .calls import Calls
from .contents import read_contents
from .errors import ForeignCatalogError
from .fetching import PRICES, PRODUCTS, Kind, fetch_one

CATALOG = Cause(kind="catalog")


@dataclass(frozen=True, kw_only=True)
class SyncSummary:
    """What mirroring found."""

    features: int
    products: int
    prices: int
    """How many Stripe has, archived ones too."""
    changed: int
    """How many rows are different now."""
    calls: int

    def __str__(self) -> str:
        return (
            f"{_counted(self.features, 'feature')}, {_counted(self.products, 'product')},"
            f" {_counted(self.prices, 'price')}; {self.changed} changed;"
            f" {_counted(self.calls, 'call')}"
        )


def sync_catalog(*, account: str = "", accept_missing: bool = False) -> SyncSummary:
    """Mirror Stripe's features, products, product features and prices into the database.

    What subscriptions grant follows in the same transaction as the terms. One call for each page of
    a list, one for each product's features, one for each object that must be fetched by its id.
    Raises StripeError, UnsettledError, RuntimeError inside a transaction, and ForeignCatalogError:
    in live mode, a catalog of which Stripe has nothing is taken for that of another account, unless
    `accept_missing`.
    """
    before = read_contents(account)
    mirror = _Mirror(Calls(account=account))
    mirror.read_features()
    mirror.read_products(accept_missing=accept_missing)
    mirror.read_prices()
    after = read_contents(account)
    return SyncSummary(
        features=len(mirror.features),
        products=len(mirror.products),
        prices=len(mirror.prices),
        changed=sum(before.get(key) != after.get(key) for key in before.keys() | after.keys()),
        calls=mirror.calls.made,
    )


@dataclass(kw_only=False)
class _Mirror:
    """One run: the ids of what Stripe has, as they are found."""

    calls: Calls
    features: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    prices: set[str] = field(default_factory=set)

    def read_features(self) -> None:
        """Active ones first: one that is archived meanwhile is in the second list."""
        for is_archived in (False, True):
            for page in self.calls.pages("/v1/entitlements/features", archived=is_archived):
                for row in page.rows:
                    self._apply_feature(row, page.interval)

    def read_products(self, *, accept_missing: bool) -> None:
        pages = list(self.calls.pages("/v1/products"))
        self.products = {identifier(row) for page in pages for row in page.rows}
        stored = _stored(Product, self.calls.account)
        if settings.livemode and stored and not stored & self.products and not accept_missing:
            raise ForeignCatalogError(
                f"Stripe has none of the {len(stored)} products that are stored here. Is"
                ' STRIPE_BILLING["API_KEY"] that of another account? If they are really gone,'
                " run sync_catalog --accept-missing."
            )
        for page in pages:
            self._apply_rows(PRODUCTS, page.rows, page.interval)
        self.products |= self._fetch_missing(PRODUCTS, stored - self.products)
        for product_id in sorted(self.products):
            self._read_product_features(product_id)

    def read_prices(self) -> None:
        """Stripe lists active prices or the others. https://docs.stripe.com/api/prices/list"""
        for is_active in (True, False):
            for page in self.calls.pages("/v1/prices", active=is_active):
                self.prices |= {identifier(row) for row in page.rows}
                self._apply_rows(PRICES, page.rows, page.interval)
        missing = _stored(Price, self.calls.account) - self.prices
        self.prices |= self._fetch_missing(PRICES, missing)

    def _apply_rows(self, kind: Kind, rows: Iterable[dict[str, Any]], interval: Interval) -> None:
        for row in rows:
            verdict = kind.apply(row, interval, account=self.calls.account, revision=None)
            if verdict is Verdict.AMBIGUOUS:
                fetch_one(kind, identifier(row), self.calls)

    def _fetch_missing(self, kind: Kind, stripe_ids: set[str]) -> set[str]:
        """Fetch what no list has shown; those that Stripe still has."""
        return {one for one in sorted(stripe_ids) if fetch_one(kind, one, self.calls)}

    def _read_product_features(self, product_id: str) -> None:
        try:
            rows, interval = self.calls.rows(f"/v1/products/{product_id}/features")
        except StripeObjectMissingError:
            if fetch_one(PRODUCTS, product_id, self.calls):
                raise
            self.products.discard(product_id)
            return
        links = {}
        for row in rows:
            feature = row.get("entitlement_feature")
            feature_id = identifier(feature)
            if feature_id not in self.features and isinstance(feature, dict):
                self._apply_feature(feature, interval)
            links[feature_id] = identifier(row)
        with transaction.atomic():
            if apply_product_features(product_id, links, interval, account=self.calls.account):
                recompute(product_ids={product_id}, account=self.calls.account, cause=CATALOG)

    def _apply_feature(self, row: dict[str, Any], interval: Interval) -> None:
        snapshot = parse_feature(row)
        if snapshot is None:
            return
        self.features.add(snapshot.id)
        account = self.calls.account
        with transaction.atomic():
            stored = Feature.objects.filter(account=account, stripe_id=snapshot.id)
            combine_before = stored.values_list("combine", flat=True).first()
            if combine_before in {None, combine_rule_of(dict(snapshot.metadata))}:
                apply_feature(snapshot, interval, account=account)
                return
            links = ProductFeature.objects.filter(feature__in=stored)
            product_ids = set(links.values_list("product__stripe_id", flat=True))
            # Before the feature, as a new subscription locks them: else each waits for the other.
            lock_products(product_ids, account=account)
            apply_feature(snapshot, interval, account=account)
            recompute(product_ids=product_ids, account=account, cause=CATALOG)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _stored(model: type[Product] | type[Price], account: str) -> set[str]:
    rows = model._default_manager.filter(account=account, is_deleted=False)
    return set(rows.values_list("stripe_id", flat=True))
