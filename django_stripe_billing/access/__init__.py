"""What app code asks: may this subscriber use this feature, how much of it, and why."""

from .explanation import Explanation, Source, explain, explain_customer, explain_features
from .gates import FeatureRequiredMixin, feature_required
from .reading import FeatureAccess, entitlements, has_feature, limit
from .request_billing import Billing, BillingMiddleware

__all__ = [
    "Billing",
    "BillingMiddleware",
    "Explanation",
    "FeatureAccess",
    "FeatureRequiredMixin",
    "Source",
    "entitlements",
    "explain",
    "explain_customer",
    "explain_features",
    "feature_required",
    "has_feature",
    "limit",
]
