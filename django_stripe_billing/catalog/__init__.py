"""The catalog of plans: from a file into Stripe, and from Stripe into the database."""

from .errors import CatalogConflictError, ForeignCatalogError, PlanFileError
from .fetching import fetch_listed_nowhere
from .mirror import SyncSummary, sync_catalog
from .push import PushSummary, push_catalog

__all__ = [
    "CatalogConflictError",
    "ForeignCatalogError",
    "PlanFileError",
    "PushSummary",
    "SyncSummary",
    "fetch_listed_nowhere",
    "push_catalog",
    "sync_catalog",
]
