"""The tables. Reading and writing Stripe happens elsewhere."""

from .catalog import Feature, Price, Product, ProductFeature
from .checkout import CheckoutSession
from .customers import Customer
from .entitlements import Entitlement, EntitlementChange, SourceKind
from .events import Event
from .subscriptions import Subscription, SubscriptionItem

__all__ = [
    "CheckoutSession",
    "Customer",
    "Entitlement",
    "EntitlementChange",
    "Event",
    "Feature",
    "Price",
    "Product",
    "ProductFeature",
    "SourceKind",
    "Subscription",
    "SubscriptionItem",
]
