"""What is in use, as the app counts it, against what a change would leave."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from django.utils.module_loading import import_string

from ..access import current
from ..conf import settings
from ..rules.entitlements import combine_limits, wanted_entitlements
from ..rules.snapshots import SubscriptionSnapshot
from ..sync import read_catalog
from .finding import Change


def units_in_use(subscriber: Any, change: Change) -> Iterator[tuple[str, int, int | None]]:
    """For each counted feature: its key, what is in use, and the limit after the change.

    The limit is what this subscription would then grant, together with the subscriber's other
    sources, by the feature's own rule; None: without limit.
    """
    counters = settings.USAGE_COUNTERS
    if not counters:
        return
    after = _changed(change)
    catalog = read_catalog(after.product_ids, account=change.subscription.account)
    terms = wanted_entitlements(after, catalog=catalog.products, policy=settings.policy)
    others = [
        row
        for row in current(customer=change.subscription.customer).select_related("feature")
        if row.source_id != change.subscription.stripe_id
    ]
    for key, counter in counters.items():
        count = import_string(counter) if isinstance(counter, str) else counter
        limits = [row.limit for row in others if row.feature.lookup_key == key]
        rule = "max"
        for feature_id, term in terms.items():
            feature = catalog.features[feature_id]
            if feature.lookup_key == key:
                limits.append(term.limit)
                rule = feature.combine
        yield key, int(count(subscriber)), combine_limits(limits, rule=rule)


def _changed(change: Change) -> SubscriptionSnapshot:
    now = change.subscription.snapshot(change.subscription.items.all())
    items = tuple(
        dataclasses.replace(
            item,
            price_id=change.price.stripe_id,
            product_id=change.price.product.stripe_id,
            quantity=change.quantity,
        )
        if item.id == change.item.stripe_id
        else item
        for item in now.items
    )
    return dataclasses.replace(now, items=items)
