"""What app code asks: may this subscriber use this feature, how much of it, and why."""

from .dunning import Dunning, dunning_of
from .explanation import Explanation, Source, explain, explain_customer, explain_features
from .gates import FeatureRequiredMixin, feature_required
from .reading import FeatureAccess, current, entitlements, has_feature, limit
from .request_billing import Billing, BillingMiddleware

__all__ = [
    "Billing",
    "BillingMiddleware",
    "Dunning",
    "Explanation",
    "FeatureAccess",
    "FeatureRequiredMixin",
    "Source",
    "current",
    "dunning_of",
    "entitlements",
    "explain",
    "explain_customer",
    "explain_features",
    "feature_required",
    "has_feature",
    "limit",
]
