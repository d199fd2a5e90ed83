"""The one door: snapshots → rows → entitlements → signals on commit."""

from .catalog import (
    apply_feature,
    apply_price,
    apply_product,
    apply_product_features,
    recompute,
)
from .customers import apply_customer
from .door import Cause
from .fetching import (
    settle,
    sync_customer,
    sync_customer_subscriptions,
    sync_subscription,
)
from .subscriptions import (
    Outcome,
    SubscriptionReading,
    apply_subscriptions,
    mark_missing,
    recompute_subscriptions,
)

__all__ = [
    "Cause",
    "Outcome",
    "SubscriptionReading",
    "apply_customer",
    "apply_feature",
    "apply_price",
    "apply_product",
    "apply_product_features",
    "apply_subscriptions",
    "mark_missing",
    "recompute",
    "recompute_subscriptions",
    "settle",
    "sync_customer",
    "sync_customer_subscriptions",
    "sync_subscription",
]
