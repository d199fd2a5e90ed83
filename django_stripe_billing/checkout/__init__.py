"""What subscribers buy, and how: hosted Checkout."""

from .binding import bind_customer
from .returning import ReturnState, read_return, status_of
from .selling import find_price, sold_prices
from .sessions import start_checkout

__all__ = [
    "ReturnState",
    "bind_customer",
    "find_price",
    "read_return",
    "sold_prices",
    "start_checkout",
    "status_of",
]
