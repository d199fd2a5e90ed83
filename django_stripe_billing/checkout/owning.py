"""What somebody has is not sold to them again: a subscription, or what was bought for good."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from ..conf import settings
from ..exceptions import AlreadyOwnedError, AlreadySubscribedError, CurrencyMismatchError
from ..models import Customer, Payment, Price
from ..rules.catalog import access_days_of
from ..rules.payment_snapshots import UNPAID
from ..rules.payments import is_counted
from ..rules.snapshots import ENDED_STATUSES


def refuse_second_subscription(customer: Customer, price: Price) -> None:
    """Raises AlreadySubscribedError, and CurrencyMismatchError for a second currency."""
    live = customer.subscriptions.exclude(status__in=ENDED_STATUSES)
    if live.filter(items__product_id=price.product.stripe_id).exists():
        raise AlreadySubscribedError(f"{customer} has a subscription to {price.product}.")
    other = live.exclude(currency__in=["", price.currency]).first()
    if other is not None:
        raise CurrencyMismatchError(
            f"The price is in {price.currency.upper()}, and what you subscribe to already is in"
            f" {other.currency.upper()}: Stripe allows one currency at a time."
        )


def refuse_second_purchase(customer: Customer, price: Price) -> None:
    """Raises AlreadyOwnedError; never for a product that is sold by the day, which adds up.

    A bank debit that is under way counts, too: both would be paid.
    """
    if access_days_of(price.product.metadata) is not None:
        return
    name = {"product": price.product}
    bought = customer.payments.filter(items__product_id=price.product.stripe_id)
    for row in bought.distinct().select_related("customer").prefetch_related("items"):
        if row.sold_days:
            continue
        if is_counted(row.purchase(), settings.payment_policy):
            raise AlreadyOwnedError(_("You have bought %(product)s already.") % name)
        if row.status == UNPAID:
            raise AlreadyOwnedError(_("Your payment for %(product)s is under way.") % name)


def owned_products(subscriber: Any) -> frozenset[str]:
    """Stripe ids of the products that a subscriber has bought for good; two queries."""
    bought = Payment.objects.filter(account="", customer__subscriber=subscriber)
    return frozenset(
        item.product_id
        for row in bought.select_related("customer").prefetch_related("items")
        if not row.sold_days and is_counted(row.purchase(), settings.payment_policy)
        for item in row.items.all()
    )
