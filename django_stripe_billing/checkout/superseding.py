"""A checkout page that is still open for what somebody has got in another way by now."""

from __future__ import annotations

import logging

from ..exceptions import StripeError
from ..models import CheckoutSession, Customer, Price
from .sessions import expire

logger = logging.getLogger("django_stripe_billing.checkout")


def expire_checkout_of(customer: Customer, product_id: str) -> None:
    """Expire the customer's open checkout, if it is a subscription to this product (Stripe's id):
    paid now, it would be a second one.

    At most one call, none without such a checkout. Where Stripe does not answer, the page stays.
    """
    row = CheckoutSession.objects.filter(open_for=customer, mode="subscription").first()
    if row is None or row.stripe_id is None:
        return
    wanted = Price.objects.filter(account=row.account, product__stripe_id=product_id)
    if not wanted.filter(stripe_id=row.price_id).exists():
        return
    try:
        expire(row)
    except StripeError as error:
        logger.warning("%s stays open, although it would be paid twice: %s", row, error)
