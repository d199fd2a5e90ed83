"""The one door: snapshots → rows → entitlements → signals on commit."""

from .catalog import (
    apply_feature,
    apply_price,
    apply_product,
    apply_product_features,
    recompute,
)
from .catalog_terms import CatalogTerms, read_catalog
from .customers import apply_customer
from .door import Cause
from .fetching import (
    read_subscription,
    settle,
    sync_customer,
    sync_customer_subscriptions,
    sync_subscription,
)
from .locking import lock_products
from .stored import Stored, read_stored
from .subscriptions import (
    Outcome,
    SubscriptionReading,
    apply_subscriptions,
    mark_missing,
    recompute_subscriptions,
    revoke_unfounded,
)

__all__ = [
    "CatalogTerms",
    "Cause",
    "Outcome",
    "Stored",
    "SubscriptionReading",
    "apply_customer",
    "apply_feature",
    "apply_price",
    "apply_product",
    "apply_product_features",
    "apply_subscriptions",
    "lock_products",
    "mark_missing",
    "read_catalog",
    "read_stored",
    "read_subscription",
    "recompute",
    "recompute_subscriptions",
    "revoke_unfounded",
    "settle",
    "sync_customer",
    "sync_customer_subscriptions",
    "sync_subscription",
]
