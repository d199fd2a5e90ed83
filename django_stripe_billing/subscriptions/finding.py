"""Which subscription is theirs, and which price it may change to. Nobody else's is ever found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..checkout import check_quantity, find_price
from ..exceptions import (
    CurrencyMismatchError,
    NothingToChangeError,
    SubscriptionNotFoundError,
    SubscriptionStateError,
)
from ..models import Price, Subscription, SubscriptionItem
from ..rules.snapshots import ENDED_STATUSES

CHANGEABLE = frozenset({"active", "trialing"})
"""Statuses in which plan and quantity may be changed: what is unpaid is paid first."""


class PresentPlanError(NothingToChangeError):
    """What is wanted is what the subscription is now."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change that the catalog allows."""

    subscription: Subscription
    item: SubscriptionItem
    price: Price
    quantity: int

    @property
    def params(self) -> dict[str, Any]:
        """What Stripe is told: the item with its id, or it would be added; with its quantity, or
        that would become 1. https://docs.stripe.com/billing/subscriptions/change-price

        A price that stays is not named: Stripe takes no archived one, though it may be kept.

        A trial is of a plan: it ends with the change to one that has none.
        """
        item: dict[str, Any] = {"id": self.item.stripe_id, "quantity": self.quantity}
        if not self.keeps_price:
            item["price"] = self.price.stripe_id
        return {"items": [item], **({"trial_end": "now"} if self.ends_trial else {})}

    @property
    def keeps_price(self) -> bool:
        """Only the quantity changes."""
        return self.price.stripe_id == self.item.price_id

    @property
    def ends_trial(self) -> bool:
        return (
            self.subscription.status == "trialing"
            and not self.keeps_price
            and not self.price.terms.trial_days
        )


def own_subscription(subscriber: Any, *, subscription: str = "", product: str = "") -> Subscription:
    """The subscriber's live subscription, with `customer` and `items` loaded; two queries.

    Where they have several, `subscription` or `product` (Stripe's ids) says which. Raises
    SubscriptionNotFoundError where there is none of theirs, or more than one: somebody else's is
    answered like one that does not exist.
    """
    rows = (
        Subscription.objects.filter(
            account="", customer__account="", customer__subscriber=subscriber
        )
        .exclude(status__in=ENDED_STATUSES)
        .select_related("customer")
        .prefetch_related("items")
    )
    if subscription:
        rows = rows.filter(stripe_id=subscription[:255])
    if product:
        rows = rows.filter(items__product_id=product[:255])
    is_id = "\0" not in subscription + product  # which no database would even be asked for
    found = list(rows.distinct()[:2]) if is_id else []
    if len(found) != 1:
        raise SubscriptionNotFoundError(
            _("There is no such subscription.")
            if not found
            else _("Say which subscription is meant.")
        )
    return found[0]


def plan_item(subscription: Subscription) -> SubscriptionItem:
    """The item that is the plan: the only one with a quantity. Raises SubscriptionNotFoundError."""
    items = [item for item in subscription.items.all() if item.quantity is not None]
    if len(items) != 1:
        raise SubscriptionNotFoundError(
            _("This subscription has several parts; they are changed in the customer portal.")
        )
    return items[0]


def allowed_change(
    subscription: Subscription, *, price: str = "", quantity: object = None
) -> Change:
    """The change, if the catalog and the subscription's state allow it.

    Without a price, or with its own name, the present one stays, which need not be on sale any
    more; without a quantity the present one. A price that is paid in another currency than its own
    has `currency_options`: then Stripe alone knows in which currencies the others are. Raises
    PriceNotSoldError, CurrencyMismatchError, QuantityError, NothingToChangeError and
    SubscriptionStateError.
    """
    check_state(subscription, CHANGEABLE)
    item = plan_item(subscription)
    present = _stored_price(item)
    is_kept = present is not None and price in {"", present.stripe_id, present.lookup_key}
    wanted = present if is_kept else find_price(price) if price else None
    if wanted is None:
        raise NothingToChangeError(_("The present price is not in the catalog."))
    is_local = present is not None and present.currency != subscription.currency
    if wanted.currency != subscription.currency and not is_local:
        raise CurrencyMismatchError(
            _("The price is in %(wanted)s, the subscription in %(present)s.")
            % {"wanted": wanted.currency.upper(), "present": subscription.currency.upper()}
        )
    if not wanted.is_recurring:
        raise NothingToChangeError(_("That is bought once; it is no plan to change to."))
    _refuse_second(subscription, item, wanted)
    number = check_quantity(wanted, item.quantity if quantity is None else quantity)
    if (wanted.stripe_id, number) == (item.price_id, item.quantity):
        raise PresentPlanError(_("That is the present plan and quantity."))
    return Change(subscription=subscription, item=item, price=wanted, quantity=number)


def _refuse_second(subscription: Subscription, item: SubscriptionItem, wanted: Price) -> None:
    """What another subscription of theirs is for already would be paid twice."""
    product_id = wanted.product.stripe_id
    if product_id == item.product_id:
        return
    others = subscription.customer.subscriptions.exclude(pk=subscription.pk)
    if others.exclude(status__in=ENDED_STATUSES).filter(items__product_id=product_id).exists():
        raise NothingToChangeError(_("You have subscribed to this already."))


def check_state(subscription: Subscription, allowed: frozenset[str]) -> None:
    """Raises SubscriptionStateError with what to do first."""
    if subscription.status not in allowed:
        raise SubscriptionStateError(
            str(ADVICE.get(subscription.status, _("The subscription can't be changed now."))),
            status=subscription.status,
        )


ADVICE = {
    "past_due": gettext_lazy("Pay the open invoice first."),
    "unpaid": gettext_lazy("Pay the open invoice first."),
    "incomplete": gettext_lazy("The first payment is still missing."),
    "paused": gettext_lazy("The subscription is paused: resume it first."),
    "trialing": gettext_lazy("The trial is still running."),
    "active": gettext_lazy("The subscription is running."),
}


def _stored_price(item: SubscriptionItem) -> Price | None:
    found = Price.objects.select_related("product").filter(account="", stripe_id=item.price_id)
    return found.first()
