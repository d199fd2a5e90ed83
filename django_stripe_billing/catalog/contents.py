"""What the database says of the catalog, to compare before with after."""

from __future__ import annotations

from collections import defaultdict

from ..models import Feature, Price, Product, ProductFeature

Contents = dict[tuple[str, str], object]
"""By kind and Stripe id."""

_PRICE = (
    "product_id",
    "lookup_key",
    "nickname",
    "type",
    "currency",
    "unit_amount",
    "interval",
    "interval_count",
    "usage_type",
    "active",
    "is_deleted",
    "metadata",
)


def read_contents(account: str) -> Contents:
    """All rows of an account's catalog without their intervals; four queries."""
    found: Contents = {}
    features = Feature.objects.filter(account=account)
    for stripe_id, *rest in features.values_list(
        "stripe_id", "lookup_key", "name", "active", "combine"
    ):
        found["feature", stripe_id] = rest
    links = defaultdict(set)
    rows = ProductFeature.objects.filter(product__account=account)
    for product_id, *link in rows.values_list(
        "product_id", "feature_id", "limit", "is_limit_per_unit", "removed_at"
    ):
        links[product_id].add(tuple(link))
    products = Product.objects.filter(account=account)
    for pk, stripe_id, *rest in products.values_list(
        "pk", "stripe_id", "name", "description", "active", "is_deleted", "metadata"
    ):
        found["product", stripe_id] = (rest, links[pk])
    for stripe_id, *rest in Price.objects.filter(account=account).values_list("stripe_id", *_PRICE):
        found["price", stripe_id] = rest
    return found
