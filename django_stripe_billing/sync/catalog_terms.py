"""The catalog as the rules want it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ..models import Feature, ProductFeature
from ..models.mirrored import to_second
from ..rules.catalog import access_days_of, grace_days_of
from ..rules.entitlements import Catalog, CatalogFeature, CatalogProduct


@dataclass(frozen=True, kw_only=True)
class CatalogTerms:
    """What products grant, and the feature rows behind the ids."""

    products: Catalog
    features: dict[str, Feature]
    """By Stripe id."""


def read_catalog(product_ids: Iterable[str], *, account: str) -> CatalogTerms:
    """What these products (Stripe ids) grant; one query, none without products."""
    wanted = set(product_ids)
    if not wanted:
        return CatalogTerms(products={}, features={})
    links = ProductFeature.objects.filter(
        product__account=account, product__stripe_id__in=wanted
    ).select_related("product", "feature")
    grouped: dict[str, list[ProductFeature]] = defaultdict(list)
    for link in links:
        grouped[link.product.stripe_id].append(link)
    products = {}
    for product_id, own in grouped.items():
        days = grace_days_of(own[0].product.metadata)
        products[product_id] = CatalogProduct(
            features=tuple(_catalog_feature(link) for link in own),
            grace_seconds=None if days is None else days * 86_400,
            access_days=access_days_of(own[0].product.metadata),
        )
    return CatalogTerms(
        products=products,
        features={link.feature.stripe_id: link.feature for own in grouped.values() for link in own},
    )


def _catalog_feature(link: ProductFeature) -> CatalogFeature:
    return CatalogFeature(
        feature_id=link.feature.stripe_id,
        limit=link.limit,
        is_limit_per_unit=link.is_limit_per_unit,
        combine=link.feature.combine,
        removed_at=to_second(link.removed_at),
    )
