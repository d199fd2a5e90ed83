"""The catalog: readings from Stripe → rows, and what a change of terms means for subscribers."""

from __future__ import annotations

from django.db import transaction

from ..models import Feature, Price, Product, ProductFeature, Subscription
from ..models.mirrored import to_datetime
from ..rules.catalog import NO_LIMIT, access_days_of, combine_rule_of, grace_days_of, limits_of
from ..rules.catalog_snapshots import FeatureSnapshot, PriceSnapshot, ProductSnapshot
from ..rules.ordering import Interval, Verdict, join
from ..rules.snapshots import ENDED_STATUSES
from .deadlocks import begun_anew
from .door import Cause
from .locking import created, lock_products, locked
from .mirror import judge_row
from .payments import recompute_payments
from .subscriptions import recompute_subscriptions

BATCH = 500
"""Customers whose entitlements are recalculated under one set of locks."""


@begun_anew
def apply_product(
    snapshot: ProductSnapshot,
    interval: Interval,
    *,
    account: str = "",
    revision: int | None = None,
    cause: Cause | None = None,
) -> Verdict:
    """Judge a reading of a product and store it when it is newer.

    Changed limits or grace reach the product's subscribers in the same transaction.
    """
    with transaction.atomic():
        row = locked(Product, snapshot.id, account=account)
        if row.is_deleted and not snapshot.is_deleted:
            return Verdict.STALE
        metadata = dict(snapshot.metadata)
        content = (snapshot.name, snapshot.description, snapshot.active, metadata)
        same = not snapshot.is_deleted and content == (
            row.name,
            row.description,
            row.active,
            row.metadata,
        )
        verdict, joined = judge_row(row, interval, same_content=same, revision=revision)
        if snapshot.is_deleted:
            verdict = Verdict.SAME if row.is_deleted else Verdict.NEWER
        if verdict is not Verdict.NEWER:
            return verdict
        if snapshot.is_deleted:
            row.is_deleted, row.active = True, False
        else:
            before, row.metadata = row.metadata, metadata
            row.name, row.description = snapshot.name, snapshot.description
            row.active = snapshot.active
        row.observe(joined)
        row.save()
        if not snapshot.is_deleted and _terms(before) != _terms(metadata):
            _write_limits(row)
            recompute(product_ids={row.stripe_id}, account=account, cause=cause or CATALOG)
        return verdict


@begun_anew
def apply_price(
    snapshot: PriceSnapshot,
    interval: Interval,
    *,
    account: str = "",
    revision: int | None = None,
) -> Verdict:
    """Judge a reading of a price and store it when it is newer."""
    with transaction.atomic():
        row = (
            Price.objects.select_for_update().filter(account=account, stripe_id=snapshot.id).first()
        )
        if row is None:
            if not snapshot.product_id:  # deleted, and never heard of
                return Verdict.SAME
            # Not for sale before the product itself was read.
            product = locked(Product, snapshot.product_id, account=account, active=False)
            row = created(Price, snapshot.id, account=account, product=product)
        if snapshot.is_deleted:
            if row.is_deleted:
                return Verdict.SAME
            row.is_deleted, row.active = True, False
            row.observe(join(row.observed, interval))
            row.save()
            return Verdict.NEWER
        if row.is_deleted:
            return Verdict.STALE
        wanted = {
            "lookup_key": snapshot.lookup_key,
            "nickname": snapshot.nickname,
            "type": snapshot.type,
            "currency": snapshot.currency,
            "unit_amount": snapshot.unit_amount,
            "interval": snapshot.interval,
            "interval_count": snapshot.interval_count,
            "usage_type": snapshot.usage_type,
            "active": snapshot.active,
            "metadata": dict(snapshot.metadata),
        }
        same = all(getattr(row, name) == value for name, value in wanted.items())
        verdict, joined = judge_row(row, interval, same_content=same, revision=revision)
        if verdict is Verdict.NEWER:
            for name, value in wanted.items():
                setattr(row, name, value)
            row.observe(joined)
            row.save()
            _give_up_lookup_key(row)
        return verdict


@begun_anew
def apply_feature(snapshot: FeatureSnapshot, interval: Interval, *, account: str = "") -> Feature:
    """Store a reading of a feature unless a newer one is known; Stripe sends no event for these."""
    with transaction.atomic():
        row = locked(Feature, snapshot.id, account=account)
        if interval.high < row.observed_low:
            return row
        row.lookup_key, row.name, row.active = snapshot.lookup_key, snapshot.name, snapshot.active
        row.combine = combine_rule_of(dict(snapshot.metadata))
        row.observe(interval)
        row.save()
        return row


@begun_anew
def apply_product_features(
    product_id: str, links: dict[str, str], interval: Interval, *, account: str = ""
) -> bool:
    """Make a product's features those of `links` (feature id → product feature id, both Stripe's).

    A link that is gone is marked as removed, so that running periods keep the feature; one that is
    back is unmarked. Returns whether anything changed; the caller recomputes.
    """
    with transaction.atomic():
        product = locked(Product, product_id, account=account)
        features = {
            row.stripe_id: row
            for row in Feature.objects.filter(account=account, stripe_id__in=links)
        }
        held = {
            link.feature.stripe_id: link
            for link in product.product_features.select_related("feature")
        }
        changed = False
        for feature_id, feature in features.items():
            link = held.pop(feature_id, None)
            if link is None or link.removed_at is not None:
                link = link or ProductFeature(product=product, feature=feature)
                link.removed_at, link.stripe_id = None, links[feature_id]
                link.save()
                changed = True
        for link in held.values():
            if link.removed_at is None:
                link.removed_at = to_datetime(interval.high)
                link.save(update_fields=["removed_at"])
                changed = True
        return _write_limits(product) or changed


def recompute(*, product_ids: set[str] | None = None, account: str = "", cause: Cause) -> int:
    """Recalculate what stored subscriptions and payments grant; returns the number of changes.

    Only of `product_ids` (Stripe's ids), or all. A constant number of queries for
    each 500 subscriptions, locking the products, and their customers in one order. The caller has a
    transaction open in which the terms were changed.
    """
    rows = Subscription.objects.filter(account=account).exclude(status__in=ENDED_STATUSES)
    if product_ids is not None:
        lock_products(product_ids, account=account)
        rows = rows.filter(items__product_id__in=product_ids)
    ids = list(rows.order_by("customer_id").values_list("stripe_id", flat=True).distinct())
    changed = sum(
        recompute_subscriptions(ids[start : start + BATCH], account=account, cause=cause)
        for start in range(0, len(ids), BATCH)
    )
    return changed + recompute_payments(product_ids=product_ids, account=account, cause=cause)


CATALOG = Cause(kind="catalog")


def _terms(metadata: dict[str, str]) -> object:
    return limits_of(metadata), grace_days_of(metadata), access_days_of(metadata)


def _write_limits(product: Product) -> bool:
    """Write the limits that a product's metadata states onto its links; whether any differed."""
    limits = limits_of(product.metadata)
    changed = []
    for link in product.product_features.select_related("feature"):
        limit = limits.get(link.feature.lookup_key, NO_LIMIT)
        if (link.limit, link.is_limit_per_unit) != (limit.value, limit.is_per_unit):
            link.limit, link.is_limit_per_unit = limit.value, limit.is_per_unit
            changed.append(link)
    if changed:
        ProductFeature.objects.bulk_update(changed, ["limit", "is_limit_per_unit"])
    return bool(changed)


def _give_up_lookup_key(row: Price) -> None:
    """Stripe moves a lookup key from price to price; only the last holder keeps it."""
    if row.lookup_key:
        Price.objects.filter(
            account=row.account, lookup_key=row.lookup_key, observed_high__lte=row.observed_high
        ).exclude(pk=row.pk).update(lookup_key="")
