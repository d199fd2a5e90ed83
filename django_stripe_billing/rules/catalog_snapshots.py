"""Products, prices and features of Stripe's JSON as frozen values; see `snapshots`."""

from __future__ import annotations

from dataclasses import dataclass

from .json_values import flag, identifier, integer, mapping, metadata, text


@dataclass(frozen=True, kw_only=True)
class ProductSnapshot:
    """A product as Stripe stated it. https://docs.stripe.com/api/products/object"""

    id: str
    name: str
    description: str
    active: bool
    is_deleted: bool
    metadata: tuple[tuple[str, str], ...]
    """Pairs, sorted by key."""


@dataclass(frozen=True, kw_only=True)
class PriceSnapshot:
    """A price as Stripe stated it. https://docs.stripe.com/api/prices/object"""

    id: str
    product_id: str
    lookup_key: str
    nickname: str
    type: str
    """`recurring`, `one_time`, or one that we do not know."""
    currency: str
    unit_amount: int | None
    """Minor units; None for tiered prices and fractions of a minor unit."""
    interval: str
    """`day`, `week`, `month`, `year`, or '' for one-time prices."""
    interval_count: int
    usage_type: str
    active: bool
    is_deleted: bool
    metadata: tuple[tuple[str, str], ...]
    """Pairs, sorted by key."""


@dataclass(frozen=True, kw_only=True)
class FeatureSnapshot:
    """An entitlements feature. https://docs.stripe.com/api/entitlements/feature/object"""

    id: str
    lookup_key: str
    name: str
    active: bool
    """False when archived: it still grants where it is attached."""
    metadata: tuple[tuple[str, str], ...]


def parse_product(data: object) -> ProductSnapshot | None:
    """Read a product; None without an id."""
    source = mapping(data)
    product_id = identifier(source.get("id"))
    if not product_id:
        return None
    return ProductSnapshot(
        id=product_id,
        name=text(source.get("name"), longest=5000),
        description=text(source.get("description"), longest=40_000),
        active=flag(source.get("active")),
        is_deleted=flag(source.get("deleted")),
        metadata=_pairs(source.get("metadata")),
    )


def parse_price(data: object) -> PriceSnapshot | None:
    """Read a price; None without an id or a product."""
    source = mapping(data)
    price_id, product_id = identifier(source.get("id")), identifier(source.get("product"))
    if not price_id or not (product_id or flag(source.get("deleted"))):
        return None
    recurring = mapping(source.get("recurring"))
    return PriceSnapshot(
        id=price_id,
        product_id=product_id,
        lookup_key=text(source.get("lookup_key"), longest=200),
        nickname=text(source.get("nickname")),
        type=text(source.get("type"), longest=64),
        currency=text(source.get("currency"), longest=3),
        unit_amount=integer(source.get("unit_amount")),
        interval=text(recurring.get("interval"), longest=16),
        interval_count=min(max(integer(recurring.get("interval_count")) or 0, 0), 32_767),
        usage_type=text(recurring.get("usage_type"), longest=16),
        active=flag(source.get("active")),
        is_deleted=flag(source.get("deleted")),
        metadata=_pairs(source.get("metadata")),
    )


def parse_feature(data: object) -> FeatureSnapshot | None:
    """Read an entitlements feature; None without an id or a lookup key."""
    source = mapping(data)
    feature_id = identifier(source.get("id"))
    lookup_key = text(source.get("lookup_key"), longest=80)
    if not feature_id or not lookup_key:
        return None
    return FeatureSnapshot(
        id=feature_id,
        lookup_key=lookup_key,
        name=text(source.get("name")),
        active=flag(source.get("active")),
        metadata=_pairs(source.get("metadata")),
    )


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(metadata(value).items()))
