"""The tables. Reading and writing Stripe happens elsewhere."""

from .catalog import Feature, Price, Product, ProductFeature
from .checkout import CheckoutSession
from .customers import Customer
from .dashboard import Dashboard, KeptFigures
from .emails import EmailMessage
from .entitlements import Entitlement, EntitlementChange, SourceKind
from .events import Event
from .grants import ManualGrant
from .invoices import Invoice
from .payments import Payment, PaymentItem
from .reconcile import Drift, ReconcileRun, ReconcileWindow
from .subscriptions import Subscription, SubscriptionItem
from .trials import KnownCard, TrialUse
from .usage import Meter, UsageRecord

__all__ = [
    "CheckoutSession",
    "Customer",
    "Dashboard",
    "Drift",
    "EmailMessage",
    "Entitlement",
    "EntitlementChange",
    "Event",
    "Feature",
    "Invoice",
    "KeptFigures",
    "KnownCard",
    "ManualGrant",
    "Meter",
    "Payment",
    "PaymentItem",
    "Price",
    "Product",
    "ProductFeature",
    "ReconcileRun",
    "ReconcileWindow",
    "SourceKind",
    "Subscription",
    "SubscriptionItem",
    "TrialUse",
    "UsageRecord",
]
