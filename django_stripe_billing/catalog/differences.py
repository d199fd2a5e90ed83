"""What must be sent so that an object at Stripe is as the file has it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..rules.catalog_snapshots import FeatureSnapshot, PriceSnapshot, ProductSnapshot
from .plans import (
    FeaturePlan,
    PricePlan,
    ProductPlan,
    is_feature_term,
    is_price_term,
    is_product_term,
)

Params = dict[str, Any]


def feature_update(plan: FeaturePlan, held: FeatureSnapshot) -> Params:
    """{} when nothing differs."""
    return _differing({"name": plan.name}, held) | _metadata(
        plan.metadata, dict(held.metadata), is_ours=is_feature_term
    )


def product_create(plan: ProductPlan) -> Params:
    params: Params = {"name": plan.name, "active": plan.active, "metadata": plan.metadata}
    return params | ({"description": plan.description} if plan.description else {})


def product_update(plan: ProductPlan, held: ProductSnapshot) -> Params:
    """{} when nothing differs."""
    wanted = {"name": plan.name, "description": plan.description, "active": plan.active}
    return _differing(wanted, held) | _metadata(
        plan.metadata, dict(held.metadata), is_ours=is_product_term
    )


def is_same_offer(plan: PricePlan, held: PriceSnapshot, *, product_id: str) -> bool:
    """Whether all agree that Stripe never changes on a price: amount, currency, interval."""
    wanted = (product_id, plan.unit_amount, plan.currency, plan.interval, plan.interval_count)
    found = (held.product_id, held.unit_amount, held.currency, held.interval, held.interval_count)
    return wanted == found and held.usage_type in {"", "licensed"}


def price_create(plan: PricePlan, *, product_id: str, is_key_taken: bool) -> Params:
    params: Params = {
        "product": product_id,
        "currency": plan.currency,
        "unit_amount": plan.unit_amount,
        "lookup_key": plan.lookup_key,
        "active": plan.active,
        "metadata": plan.metadata,
    }
    if plan.interval:
        params["recurring"] = {"interval": plan.interval, "interval_count": plan.interval_count}
    if plan.nickname:
        params["nickname"] = plan.nickname
    if is_key_taken:
        params["transfer_lookup_key"] = True
    return params


def price_update(plan: PricePlan, held: PriceSnapshot, *, is_key_taken: bool) -> Params:
    """{} when nothing differs; `is_key_taken`: another price holds the lookup key now."""
    wanted = {
        "lookup_key": plan.lookup_key,
        "nickname": plan.nickname,
        "active": plan.active,
    }
    params = _differing(wanted, held) | _metadata(
        plan.metadata, dict(held.metadata), is_ours=is_price_term
    )
    if "lookup_key" in params and is_key_taken:
        params["transfer_lookup_key"] = True
    return params


def named(params: Params) -> str:
    """The names of what an update changes, for people: `name, metadata limit:seats`."""
    metadata = [f"metadata {key}" for key in params.get("metadata", {})]
    others = [key for key in params if key not in {"metadata", "transfer_lookup_key"}]
    return ", ".join(others + metadata)


def _differing(wanted: Params, held: object) -> Params:
    return {key: value for key, value in wanted.items() if getattr(held, key) != value}


def _metadata(
    wanted: Mapping[str, str], held: Mapping[str, str], *, is_ours: Callable[[str], bool]
) -> Params:
    """Only the keys that differ: '' unsets one, and keys of others stay as they are.

    https://docs.stripe.com/metadata
    """
    changed = {key: value for key, value in wanted.items() if held.get(key) != value}
    gone = {key: "" for key in held if is_ours(key) and key not in wanted}
    return {"metadata": changed | gone} if changed or gone else {}
