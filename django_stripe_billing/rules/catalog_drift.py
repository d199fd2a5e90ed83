"""The difference between the stored catalog and Stripe's, as far as it decides what is sold and
what that grants."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .catalog import combine_rule_of
from .catalog_snapshots import FeatureSnapshot, PriceSnapshot, ProductSnapshot
from .drift import Difference
from .drift_kinds import Kind

GONE = "deleted"
UNKNOWN = "not in the catalog"

_PRODUCT = ("name", "description", "active")
_PRICE = (
    "lookup_key",
    "nickname",
    "type",
    "currency",
    "unit_amount",
    "interval",
    "interval_count",
    "usage_type",
    "active",
)
LONGEST = 80
"""Characters of a value that are told."""


def product_drift(local: ProductSnapshot | None, remote: ProductSnapshot) -> list[Difference]:
    """What differs; a product that was deleted never comes back."""
    if local is None:
        here = "the product is not in the catalog"
        return [Difference(kind=Kind.FEATURE_UNKNOWN, here=here, stripe=remote.id)]
    return _differing(Kind.PRODUCT_DIFFERS, local, remote, fields=_PRODUCT)


def price_drift(local: PriceSnapshot | None, remote: PriceSnapshot) -> list[Difference]:
    """What differs; a price that was deleted never comes back."""
    if local is None:
        return [Difference(kind=Kind.PRICE_UNKNOWN, here=UNKNOWN, stripe=remote.id)]
    return _differing(Kind.PRICE_DIFFERS, local, remote, fields=_PRICE)


def feature_drift(stored: Mapping[str, object] | None, remote: FeatureSnapshot) -> list[Difference]:
    """What differs of a feature; `stored` has the row's fields."""
    if stored is None:
        here = "the feature is not in the catalog"
        return [Difference(kind=Kind.FEATURE_UNKNOWN, here=here, stripe=remote.lookup_key)]
    wanted = {
        "lookup_key": remote.lookup_key,
        "name": remote.name,
        "active": remote.active,
        "combine": combine_rule_of(dict(remote.metadata)),
    }
    names = [name for name in wanted if stored[name] != wanted[name]]
    if not names:
        return []
    return [
        Difference(
            kind=Kind.FEATURE_DIFFERS,
            here=_told((name, stored[name]) for name in names),
            stripe=_told((name, wanted[name]) for name in names),
        )
    ]


def attachment_drift(*, held: Collection[str], attached: Collection[str]) -> list[Difference]:
    """Which features, by lookup key, one side alone has attached to a product."""
    return [
        Difference(
            kind=Kind.PRODUCT_DIFFERS,
            here=f"{key}: {'attached' if key in held else 'not attached'}",
            stripe=f"{key}: {'attached' if key in attached else 'not attached'}",
            subject=key,
        )
        for key in sorted(set(held) ^ set(attached))
    ]


def _differing(
    kind: Kind,
    local: ProductSnapshot | PriceSnapshot,
    remote: ProductSnapshot | PriceSnapshot,
    *,
    fields: Iterable[str],
) -> list[Difference]:
    if local.is_deleted:
        return []
    if remote.is_deleted:
        return [Difference(kind=kind, here="in the catalog", stripe=GONE)]
    names = [name for name in fields if getattr(local, name) != getattr(remote, name)]
    ours, theirs = dict(local.metadata), dict(remote.metadata)
    keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    if not names and not keys:
        return []
    return [
        Difference(
            kind=kind,
            here=_told([*((name, getattr(local, name)) for name in names), *_metadata(ours, keys)]),
            stripe=_told(
                [*((name, getattr(remote, name)) for name in names), *_metadata(theirs, keys)]
            ),
        )
    ]


def _metadata(metadata: Mapping[str, str], keys: Iterable[str]) -> list[tuple[str, object]]:
    return [(f"metadata {key}", metadata.get(key)) for key in keys]


def _told(values: Iterable[tuple[str, object]]) -> str:
    return ", ".join(
        f"{name}={'none' if value is None or value == '' else str(value)[:LONGEST]}"
        for name, value in values
    )
