"""The stored catalog as the values that are parsed from Stripe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from ..models import Price, Product
from ..rules.catalog_drift import price_drift, product_drift
from ..rules.catalog_snapshots import PriceSnapshot, ProductSnapshot, parse_price, parse_product
from ..rules.drift import Difference


@dataclass(frozen=True, kw_only=True)
class Sort:
    """Products, or prices: compared in the same way."""

    path: str
    rows: Callable[[str], QuerySet[Any]]
    """The stored ones of an account."""
    here: Callable[[Any], Any]
    parse: Callable[[object], Any]
    drift: Callable[[Any, Any], list[Difference]]


def _product(row: Product) -> ProductSnapshot:
    return ProductSnapshot(
        id=row.stripe_id,
        name=row.name,
        description=row.description,
        active=row.active,
        is_deleted=row.is_deleted,
        metadata=tuple(sorted(row.metadata.items())),
    )


def _price(row: Price) -> PriceSnapshot:
    return PriceSnapshot(
        id=row.stripe_id,
        product_id=row.product.stripe_id,
        lookup_key=row.lookup_key,
        nickname=row.nickname,
        type=row.type,
        currency=row.currency,
        unit_amount=row.unit_amount,
        interval=row.interval,
        interval_count=row.interval_count,
        usage_type=row.usage_type,
        active=row.active,
        is_deleted=row.is_deleted,
        metadata=tuple(sorted(row.metadata.items())),
    )


PRODUCTS = Sort(
    path="/v1/products",
    rows=lambda account: Product.objects.filter(account=account),
    here=_product,
    parse=parse_product,
    drift=product_drift,
)
PRICES = Sort(
    path="/v1/prices",
    rows=lambda account: Price.objects.filter(account=account).select_related("product"),
    here=_price,
    parse=parse_price,
    drift=price_drift,
)
