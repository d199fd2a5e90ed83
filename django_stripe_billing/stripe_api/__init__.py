"""The only package that imports `stripe`."""

from .client import Answer, counted_calls, request
from .errors import without_secrets
from .pages import Page, fetch_subscription, pages
from .signatures import verify
from .transport import CallableHTTPClient

__all__ = [
    "Answer",
    "CallableHTTPClient",
    "Page",
    "counted_calls",
    "fetch_subscription",
    "pages",
    "request",
    "verify",
    "without_secrets",
]
