"""What Stripe holds of a plans file, read before anything is written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ..rules.catalog_snapshots import (
    FeatureSnapshot,
    PriceSnapshot,
    ProductSnapshot,
    parse_feature,
    parse_price,
    parse_product,
)
from ..rules.json_values import identifier, mapping, text
from .calls import Calls
from .errors import CatalogConflictError
from .plans import CATALOG_KEY, Plans


@dataclass(frozen=True, kw_only=True)
class AttachedFeature:
    """A feature on a product."""

    id: str
    """The product feature's."""
    feature_id: str
    lookup_key: str


@dataclass(frozen=True, kw_only=True)
class RemoteProduct:
    """A product with what hangs on it."""

    snapshot: ProductSnapshot
    default_price_id: str
    features: tuple[AttachedFeature, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Remote:
    """Stripe's catalog, as far as a plans file needs it."""

    features: dict[str, FeatureSnapshot]
    """By lookup key; archived ones are not among them."""
    products: dict[str, RemoteProduct]
    """By catalog key: those which the file made, or was given."""
    holders: dict[str, PriceSnapshot]
    """By lookup key: the price that holds it, whoever made it."""
    marked: dict[str, list[PriceSnapshot]] = field(default_factory=dict)
    """By catalog key: the prices that the file made, newest first."""
    hour: int
    """Whole hours of Stripe's clock."""


def read_remote(calls: Calls, plans: Plans) -> Remote:
    """Read Stripe's features, products and prices, and the features on the plans' products.

    Raises CatalogConflictError where the plans would take what is somebody else's.
    """
    rows, interval = calls.rows("/v1/entitlements/features", archived=False)
    features = {found.lookup_key: found for row in rows if (found := parse_feature(row))}
    problems: list[str] = []
    products = _products(calls, plans, problems)
    holders, marked = _prices(calls)
    own = {product.snapshot.id for product in products.values()}
    for plan in plans.prices:
        holder = holders.get(plan.lookup_key)
        if holder and CATALOG_KEY not in dict(holder.metadata) and holder.product_id not in own:
            problems.append(
                f"{holder.id} holds the lookup key {plan.lookup_key}, and the file did not make"
                f" it. To give its product to the file, set {CATALOG_KEY} in the metadata of"
                f" {holder.product_id}; else take the lookup key off the price, or choose another."
            )
    if problems:
        raise CatalogConflictError(problems)
    return Remote(
        features=features,
        products=products,
        holders=holders,
        marked=marked,
        hour=interval.high // 3600,
    )


def _products(calls: Calls, plans: Plans, problems: list[str]) -> dict[str, RemoteProduct]:
    found: dict[str, list[RemoteProduct]] = defaultdict(list)
    for row in calls.rows("/v1/products")[0]:
        snapshot = parse_product(row)
        key = dict(snapshot.metadata).get(CATALOG_KEY) if snapshot else None
        if snapshot and key:
            default_price_id = identifier(row.get("default_price"))
            found[key].append(RemoteProduct(snapshot=snapshot, default_price_id=default_price_id))
    wanted = {plan.key for plan in plans.products}
    products = {}
    for key, candidates in found.items():
        active = [product for product in candidates if product.snapshot.active] or candidates
        if len(active) > 1 and key in wanted:
            ids = ", ".join(product.snapshot.id for product in active)
            problems.append(
                f"Several products have the metadata {CATALOG_KEY} = {key}: {ids}."
                " Remove it from all but one."
            )
            continue
        products[key] = _with_features(calls, active[0]) if key in wanted else active[0]
    return products


def _with_features(calls: Calls, product: RemoteProduct) -> RemoteProduct:
    attached = []
    for row in calls.rows(f"/v1/products/{product.snapshot.id}/features")[0]:
        feature = mapping(row.get("entitlement_feature"))
        attached.append(
            AttachedFeature(
                id=identifier(row),
                feature_id=identifier(feature),
                lookup_key=text(feature.get("lookup_key")),
            )
        )
    return RemoteProduct(
        snapshot=product.snapshot,
        default_price_id=product.default_price_id,
        features=tuple(attached),
    )


def _prices(calls: Calls) -> tuple[dict[str, PriceSnapshot], dict[str, list[PriceSnapshot]]]:
    """By lookup key the holder, by catalog key ours. Stripe lists active prices or the others.

    https://docs.stripe.com/api/prices/list
    """
    holders: dict[str, PriceSnapshot] = {}
    marked: dict[str, list[PriceSnapshot]] = defaultdict(list)
    for is_active in (True, False):
        for row in calls.rows("/v1/prices", active=is_active)[0]:
            price = parse_price(row)
            if price is None:
                continue
            if price.lookup_key:
                holders[price.lookup_key] = price
            key = dict(price.metadata).get(CATALOG_KEY)
            if key:
                marked[key].append(price)
    return holders, dict(marked)
