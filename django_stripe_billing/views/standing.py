"""Where a subscriber's subscriptions stand, as their owner is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..models import Price, Product, Subscription, SubscriptionItem
from ..rules.snapshots import ENDED_STATUSES
from ..subscriptions import CHANGEABLE
from . import wording


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One subscription and what may be done with it."""

    subscription: Subscription
    items: tuple[SubscriptionItem, ...]
    names: tuple[str, ...]
    """Of its products."""
    price: Price | None
    """Of its plan: the only item with a quantity; None where there is none, or the catalog does not
    know it."""
    quantity: int | None

    @property
    def is_live(self) -> bool:
        return self.subscription.status not in ENDED_STATUSES

    @property
    def product_ids(self) -> frozenset[str]:
        return frozenset(item.product_id for item in self.items)

    @property
    def words(self) -> wording.StatusWords:
        row = self.subscription
        if row.is_ending and row.status in CHANGEABLE:
            return wording.ENDING
        if row.status == "trialing" and row.is_trial_refused:
            return wording.REFUSED
        return wording.STATUSES.get(row.status, wording.UNKNOWN)

    @property
    def amount(self) -> str:
        """`$58.00`, what the plan costs each period before discounts and taxes; '' if unknown."""
        return wording.amount(self.price, self.quantity or 1) if self.price else ""

    @property
    def period(self) -> str:
        price = self.price
        return wording.period(price.interval, price.interval_count) if price else ""

    @property
    def period_ends_at(self) -> datetime | None:
        """When what is paid, or the trial, is over."""
        ends = [item.current_period_end_at for item in self.items if item.current_period_end_at]
        return self.subscription.trial_end_at if self.is_trial else max(ends, default=None)

    @property
    def ends_at(self) -> datetime | None:
        """When it ends, or has ended; None: it goes on."""
        row = self.subscription
        if not self.is_live:
            return row.ended_at or row.canceled_at
        if not row.is_ending:
            return None
        return row.cancel_at or self.period_ends_at

    @property
    def is_trial(self) -> bool:
        return self.subscription.status == "trialing"

    @property
    def can_change(self) -> bool:
        return self.subscription.status in CHANGEABLE and self.quantity is not None

    @property
    def can_change_quantity(self) -> bool:
        if not self.can_change or self.price is None:
            return False
        return self.price.terms.quantity_max > self.price.terms.quantity_min

    @property
    def can_cancel(self) -> bool:
        return self.is_live and not self.subscription.is_ending

    @property
    def can_resume(self) -> bool:
        return self.is_live and (self.subscription.is_ending or self.is_paused)

    @property
    def is_paused(self) -> bool:
        return self.subscription.status == "paused"

    @property
    def can_pause(self) -> bool:
        return self.can_change and not self.subscription.is_ending


def standings_of(subscriber: Any) -> list[Standing]:
    """The subscriber's subscriptions, the live ones first; four queries, however many there are."""
    rows = Subscription.objects.filter(
        account="", customer__account="", customer__subscriber=subscriber
    ).prefetch_related("items")
    return standings(sorted(rows, key=lambda row: row.status in ENDED_STATUSES))


def standings(rows: list[Subscription]) -> list[Standing]:
    """With what the catalog says of them; two queries."""
    items = [item for row in rows for item in row.items.all()]
    products = Product.objects.filter(account="", stripe_id__in={item.product_id for item in items})
    prices = Price.objects.filter(account="", stripe_id__in={item.price_id for item in items})
    names = {product.stripe_id: str(product) for product in products}
    by_id = {price.stripe_id: price for price in prices.select_related("product")}
    return [_standing(row, names=names, prices=by_id) for row in rows]


def _standing(row: Subscription, *, names: dict[str, str], prices: dict[str, Price]) -> Standing:
    items = tuple(row.items.all())
    plans = [item for item in items if item.quantity is not None]
    plan = plans[0] if len(plans) == 1 else None
    return Standing(
        subscription=row,
        items=items,
        names=tuple(dict.fromkeys(names.get(item.product_id, item.product_id) for item in items)),
        price=prices.get(plan.price_id) if plan else None,
        quantity=plan.quantity if plan else None,
    )
