"""Writing subscriptions and their items in a constant number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Model

from ..models import Subscription, SubscriptionItem
from .insertion import insert
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
    insert(created)
    update_rows(updated, SUBSCRIPTION_FIELDS)
    items = [item for entry in entries for item in entry.changed_items]
    for item in items:
        item.subscription_id = item.subscription.pk
    added = [item for item in items if item.pk is None]
    changed = [item for item in items if item.pk is not None]
    insert(added)
    update_rows(changed, ITEM_FIELDS)
    removed = [item.pk for entry in entries for item in entry.removed_items]
    if removed:
        SubscriptionItem.objects.filter(pk__in=removed).delete()


def update_rows(rows: Sequence[Model], fields: Iterable[str]) -> None:
    """Write these fields of existing rows of one model, in one statement.

    Where the rows agree in each field, as a renewal's do, that is a plain UPDATE: building a CASE
    for each field, as `bulk_update` does, takes longer than everything else about an event.
    """
    if not rows:
        return
    manager = type(rows[0])._default_manager
    values = {name: [getattr(row, name) for row in rows] for name in fields}
    if all(entry == found[0] for found in values.values() for entry in found):
        same = {name: found[0] for name, found in values.items()}
        manager.filter(pk__in=[row.pk for row in rows]).update(**same)
    else:
        manager.bulk_update(rows, values.keys())
