"""The only package that imports `stripe`."""

from .client import Answer, counted_calls, paced, request
from .errors import without_secrets
from .pace import Pace, TokenBucket
from .pages import PAGE_SIZE, Page, PagesAhead, fetch_subscription, pages, read_page
from .payments import PAYMENT_EXPANSIONS, fetch_invoice_money, fetch_payment
from .signatures import verify
from .transport import CallableHTTPClient

__all__ = [
    "PAGE_SIZE",
    "PAYMENT_EXPANSIONS",
    "Answer",
    "CallableHTTPClient",
    "Pace",
    "Page",
    "PagesAhead",
    "TokenBucket",
    "counted_calls",
    "fetch_invoice_money",
    "fetch_payment",
    "fetch_subscription",
    "paced",
    "pages",
    "read_page",
    "request",
    "verify",
    "without_secrets",
]
