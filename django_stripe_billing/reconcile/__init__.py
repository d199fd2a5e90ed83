"""Do Stripe and the database agree? Find every difference, and repair it on request."""

from .report import Drift, Report
from .run import reconcile

__all__ = ["Drift", "Report", "reconcile"]
