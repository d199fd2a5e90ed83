"""What somebody has bought for good is not sold to them again."""

from __future__ import annotations

from ..conf import settings
from ..exceptions import AlreadyOwnedError
from ..models import Customer, Price
from ..rules.catalog import access_days_of
from ..rules.payment_snapshots import UNPAID
from ..rules.payments import is_counted


def refuse_second_purchase(customer: Customer, price: Price) -> None:
    """Raises AlreadyOwnedError; never for a product that is sold by the day, which adds up.

    A bank debit that is under way counts, too: both would be paid.
    """
    if access_days_of(price.product.metadata) is not None:
        return
    bought = customer.payments.filter(items__product_id=price.product.stripe_id)
    for row in bought.distinct().select_related("customer").prefetch_related("items"):
        if row.sold_days:
            continue
        if is_counted(row.purchase(), settings.payment_policy):
            raise AlreadyOwnedError(f"You have bought {price.product} already.")
        if row.status == UNPAID:
            raise AlreadyOwnedError(f"Your payment for {price.product} is under way.")
