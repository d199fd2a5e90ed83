"""Writing subscriptions and their items in a constant number of statements."""

from __future__ import annotations

from collections.abc import Sequence

from ..models import Subscription, SubscriptionItem
from .stored import Stored

SUBSCRIPTION_FIELDS = [
    field.attname
    for field in Subscription._meta.concrete_fields
    if field.attname not in {"id", "account", "stripe_id", "customer_id"}
]
ITEM_FIELDS = [
    "price_id",
    "product_id",
    "quantity",
    "current_period_start_at",
    "current_period_end_at",
]


def write_rows(entries: Sequence[Stored]) -> None:
    """Save what `Stored.take` changed: at most two statements each for rows and items, and one
    that deletes the items that are gone."""
    subscriptions = [entry.subscription for entry in entries]
    created = [row for row in subscriptions if row.pk is None]
    updated = [row for row in subscriptions if row.pk is not None]
    if created:
        Subscription.objects.bulk_create(created)
    if updated:
        Subscription.objects.bulk_update(updated, SUBSCRIPTION_FIELDS)
    items = [item for entry in entries for item in entry.changed_items]
    for item in items:
        item.subscription_id = item.subscription.pk
    added = [item for item in items if item.pk is None]
    changed = [item for item in items if item.pk is not None]
    if added:
        SubscriptionItem.objects.bulk_create(added)
    if changed:
        SubscriptionItem.objects.bulk_update(changed, ITEM_FIELDS)
    removed = [item.pk for entry in entries for item in entry.removed_items]
    if removed:
        SubscriptionItem.objects.filter(pk__in=removed).delete()
