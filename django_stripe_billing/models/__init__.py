"""The tables. Reading and writing Stripe happens elsewhere."""

from .catalog import Feature, Price, Product, ProductFeature
from .checkout import CheckoutSession
from .customers import Customer
from .entitlements import Entitlement, EntitlementChange, SourceKind
from .events import Event
from .reconcile import Drift, ReconcileRun, ReconcileWindow
from .subscriptions import Subscription, SubscriptionItem
from .usage import UsageRecord

__all__ = [
    "CheckoutSession",
    "Customer",
    "Drift",
    "Entitlement",
    "EntitlementChange",
    "Event",
    "Feature",
    "Price",
    "Product",
    "ProductFeature",
    "ReconcileRun",
    "ReconcileWindow",
    "SourceKind",
    "Subscription",
    "SubscriptionItem",
    "UsageRecord",
]
