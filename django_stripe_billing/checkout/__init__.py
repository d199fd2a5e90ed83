"""What subscribers buy, and how: hosted Checkout."""

from .binding import bind_customer, customer_row, link_customer
from .owning import owned_products
from .returning import ReturnState, read_return, status_of
from .selling import check_quantity, find_price, is_trial_open, sold_prices
from .sessions import start_checkout
from .setup import start_setup
from .superseding import expire_checkout_of

__all__ = [
    "ReturnState",
    "bind_customer",
    "check_quantity",
    "customer_row",
    "expire_checkout_of",
    "find_price",
    "is_trial_open",
    "link_customer",
    "owned_products",
    "read_return",
    "sold_prices",
    "start_checkout",
    "start_setup",
    "status_of",
]
