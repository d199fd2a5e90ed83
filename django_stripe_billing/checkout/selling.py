"""What is sold: the catalog and the settings decide, never the browser."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from ..conf import settings
from ..exceptions import PriceNotSoldError, QuantityError
from ..models import Price, TrialUse
from ..rules.catalog import access_days_of

_DIGITS = re.compile(r"[0-9]{1,12}")


def sold_prices(*, account: str = "") -> list[Price]:
    """The prices that a subscriber may buy, with their products and features; three queries.

    `account` asks for those that a connected account sells.

    Recurring and licensed, or paid once; active as their product is, not withheld by
    `sellable = false`, and named by a lookup key, or by STRIPE_BILLING["PRICES"] where that is set.
    """
    rows = (
        Price.objects.filter(
            account=account,
            active=True,
            is_deleted=False,
            product__active=True,
            product__is_deleted=False,
        )
        .filter(Q(type="recurring", usage_type="licensed") | Q(type="one_time"))
        .select_related("product")
        .prefetch_related("product__product_features__feature")
    )
    return [price for price in rows if _is_listed(price) and _is_sellable(price)]


def find_price(name: str, *, account: str = "") -> Price:
    """The sold price of this lookup key or Stripe id. Raises PriceNotSoldError."""
    for price in sold_prices(account=account):
        if name and name in {price.lookup_key, price.stripe_id}:
            return price
    raise PriceNotSoldError(_("There is no such price on sale."))


def check_quantity(price: Price, quantity: object) -> int:
    """The quantity as a number within the price's bounds. Raises QuantityError."""
    terms = price.terms
    if isinstance(quantity, str) and _DIGITS.fullmatch(quantity):
        quantity = int(quantity)
    if (
        not isinstance(quantity, int)
        or isinstance(quantity, bool)
        or not terms.quantity_min <= quantity <= terms.quantity_max
    ):
        message = (
            _("The quantity of %(price)s is always %(lowest)d.")
            if terms.quantity_min == terms.quantity_max
            else _("The quantity of %(price)s is from %(lowest)d to %(highest)d.")
        )
        bounds = {"lowest": terms.quantity_min, "highest": terms.quantity_max}
        raise QuantityError(message % {"price": price, **bounds})
    return quantity


def is_trial_open(subscriber: Any) -> bool:
    """Whether a subscriber without a subscription may still have a trial, as far as is known before
    the checkout: their address and card are looked at there. One query."""
    taken = TrialUse.objects.filter(
        account="", kind=TrialUse.Kind.SUBSCRIBER, value=str(subscriber.pk)
    )
    return not taken.exclude(checkout_session__status="open").exists()


def _is_listed(price: Price) -> bool:
    if settings.PRICES is None:
        return bool(price.lookup_key)
    return not {price.lookup_key, price.stripe_id}.isdisjoint(set(settings.PRICES) - {""})


def _is_sellable(price: Price) -> bool:
    """Not one whose days of access nobody can read: it would be paid for, and grant nothing."""
    is_readable = price.is_recurring or access_days_of(price.product.metadata) != 0
    return price.terms.is_sellable and is_readable
