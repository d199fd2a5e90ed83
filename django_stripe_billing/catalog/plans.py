"""What a plans file asks for, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..rules.catalog import LIMIT_PREFIX

CATALOG_KEY = "catalog_key"
"""The metadata key that marks a product or price in Stripe as made by the file."""

_TERMS = frozenset(
    {
        CATALOG_KEY,
        "trial_days",
        "trial_without_card",
        "trial_end",
        "quantity_min",
        "quantity_max",
        "sellable",
    }
)
_PRODUCT_TERMS = _TERMS | {"grace_days", "access_days"}


@dataclass(frozen=True, kw_only=True)
class FeaturePlan:
    """A feature that must exist."""

    lookup_key: str
    name: str
    combine: str
    """`max` or `sum`."""

    @property
    def metadata(self) -> dict[str, str]:
        return {"combine": self.combine} if self.combine != "max" else {}


@dataclass(frozen=True, kw_only=True)
class PricePlan:
    """A price that must exist and hold its lookup key."""

    lookup_key: str
    unit_amount: int
    """In the currency's minor unit."""
    currency: str
    interval: str
    """`day`, `week`, `month`, `year`, or '' for a price that is paid once."""
    interval_count: int
    """0 for a price that is paid once."""
    nickname: str
    active: bool
    terms: Mapping[str, str]
    """Metadata: what a price states of trials, quantities and `sellable`."""

    @property
    def metadata(self) -> dict[str, str]:
        return {CATALOG_KEY: self.lookup_key, **self.terms}


@dataclass(frozen=True, kw_only=True)
class ProductPlan:
    """A product that must exist, with its features and prices."""

    key: str
    name: str
    description: str
    active: bool
    features: tuple[str, ...]
    """Lookup keys."""
    terms: Mapping[str, str]
    """Metadata: limits, `grace_days`, `access_days`, and the terms of all its prices, where
    stated."""
    prices: tuple[PricePlan, ...]

    @property
    def metadata(self) -> dict[str, str]:
        return {CATALOG_KEY: self.key, **self.terms}


@dataclass(frozen=True, kw_only=True)
class Plans:
    """A whole file."""

    features: tuple[FeaturePlan, ...]
    products: tuple[ProductPlan, ...]

    @property
    def prices(self) -> tuple[PricePlan, ...]:
        return tuple(price for product in self.products for price in product.prices)


def is_feature_term(key: str) -> bool:
    """Whether the file rules over this key of a feature's metadata."""
    return key == "combine"


def is_product_term(key: str) -> bool:
    """Whether the file rules over this key of a product's metadata."""
    return key in _PRODUCT_TERMS or key.startswith(LIMIT_PREFIX)


def is_price_term(key: str) -> bool:
    """Whether the file rules over this key of a price's metadata."""
    return key in _TERMS
