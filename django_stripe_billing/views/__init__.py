"""The pages for customers. None runs inside a transaction of the request: each may ask Stripe."""

from .changing import change, withdraw
from .checkout import checkout, checkout_return, setup, status
from .discounting import promotion_code
from .ending import cancel, pause, resume
from .home import home
from .money import invoice, invoices, portal, retry, update_card
from .pricing import pricing

__all__ = [
    "cancel",
    "change",
    "checkout",
    "checkout_return",
    "home",
    "invoice",
    "invoices",
    "pause",
    "portal",
    "pricing",
    "promotion_code",
    "resume",
    "retry",
    "setup",
    "status",
    "update_card",
    "withdraw",
]
