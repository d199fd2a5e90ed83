"""What the pricing page offers to one visitor: cards of one interval and one currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ..checkout import sold_prices
from ..models import Price, Product
from ..money import formatted
from ..rules.catalog import access_days_of
from . import wording

Interval = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A card of the pricing page."""

    price: Price
    amount: str
    period: str
    """`per month`; '' for what is paid once."""
    monthly: str
    """What a yearly price comes to in a month, as text; '' for other prices."""
    saving: int
    """Percent that it saves against the same product paid by the month; 0: nothing."""
    features: tuple[str, ...]
    trial_days: int
    is_current: bool
    """The visitor has this product, by subscription or bought for good."""
    quantity: int
    """What the field for the quantity begins with."""
    is_highlighted: bool
    """It includes the feature that the visitor was looking for."""

    @property
    def product(self) -> Product:
        return self.price.product

    @property
    def has_quantity(self) -> bool:
        return self.price.terms.quantity_max > self.price.terms.quantity_min


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A link of a switch."""

    label: str
    query: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What is shown."""

    cards: tuple[Offer, ...]
    intervals: tuple[Choice, ...]
    currencies: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """What the cards depend on."""

    product_ids: frozenset[str] = frozenset()
    """Stripe ids of what they have."""
    currency: str = ""
    interval: Interval | None = None
    """How they pay now; None: they do not."""
    has_trial: bool = True
    """A trial is still to be had."""


def offers_for(visitor: Visitor, *, interval: str, currency: str, feature: str = "") -> Offers:
    """The cards; three queries. `interval` (`month-1`) and `currency` are what the visitor asked
    for: anything that is not on sale counts as no wish."""
    prices = sold_prices()
    currencies = sorted({price.currency for price in prices})
    chosen = _first(currencies, currency.lower(), visitor.currency, _commonest(prices))
    prices = [price for price in prices if price.currency == chosen]
    intervals = sorted({_interval(price) for price in prices if price.is_recurring}, key=_length)
    wanted = _first(intervals, _parsed(interval), visitor.interval, ("month", 1))
    cards = [
        _offer(price, visitor=visitor, prices=prices, feature=feature)
        for price in _shown(prices, wanted)
    ]
    return Offers(
        cards=tuple(sorted(cards, key=lambda card: (card.price.unit_amount or 0, card.price.pk))),
        intervals=_choices(
            [(wording.period_choice(*found), _key(found), found == wanted) for found in intervals],
            name="interval",
            rest={"currency": chosen or "", "feature": feature},
        ),
        currencies=_choices(
            [(found.upper(), found, found == chosen) for found in currencies],
            name="currency",
            rest={"interval": _key(wanted) if wanted else "", "feature": feature},
        ),
    )


def _offer(price: Price, *, visitor: Visitor, prices: list[Price], feature: str) -> Offer:
    terms = price.terms
    links = price.product.current_features
    is_trial = visitor.has_trial and price.is_recurring
    return Offer(
        price=price,
        amount=wording.amount(price),
        period=wording.period(*_interval(price)) if price.is_recurring else "",
        monthly=_monthly(price),
        saving=_saving(price, prices),
        features=tuple(wording.feature(link) for link in links),
        trial_days=terms.trial_days if is_trial else 0,
        is_current=price.product.stripe_id in visitor.product_ids and not _adds_up(price),
        quantity=terms.quantity_min,
        is_highlighted=any(link.feature.lookup_key == feature for link in links),
    )


def _adds_up(price: Price) -> bool:
    """It is sold by the day, and may be bought again."""
    return not price.is_recurring and access_days_of(price.product.metadata) is not None


def _shown(prices: list[Price], wanted: Interval | None) -> Iterable[Price]:
    """What is paid once, and of each product the prices of the interval, else its first one."""
    by_product: dict[int, list[Price]] = {}
    for price in prices:
        if not price.is_recurring:
            yield price
        else:
            by_product.setdefault(price.product_id, []).append(price)
    for own in by_product.values():
        yield from [price for price in own if _interval(price) == wanted] or own[:1]


def _choices(
    found: list[tuple[str, str, bool]], *, name: str, rest: dict[str, str]
) -> tuple[Choice, ...]:
    """The links of a switch; none where there is nothing to choose."""
    if len(found) < 2:
        return ()
    kept = {key: value for key, value in rest.items() if value}
    return tuple(
        Choice(label=label, query=f"?{urlencode({name: key, **kept})}", is_chosen=is_chosen)
        for label, key, is_chosen in found
    )


def _monthly(price: Price) -> str:
    if price.interval != "year" or price.interval_count != 1 or not price.unit_amount:
        return ""
    return formatted(round(price.unit_amount / 12), price.currency)


def _saving(price: Price, prices: list[Price]) -> int:
    if price.interval != "year" or price.interval_count != 1 or price.unit_amount is None:
        return 0
    by_month = [
        12 * other.unit_amount
        for other in prices
        if other.product_id == price.product_id
        and _interval(other) == ("month", 1)
        and other.unit_amount
    ]
    return max(0, int(100 - 100 * price.unit_amount / min(by_month))) if by_month else 0


def _commonest(prices: list[Price]) -> str:
    found = [price.currency for price in prices]
    return max(sorted(set(found)), key=found.count, default="")


def _first(known: list[Any], *wishes: Any) -> Any:
    """The first wish that can be had, else the first of all."""
    return next((wish for wish in wishes if wish in known), known[0] if known else None)


def _interval(price: Price) -> Interval:
    return price.interval, price.interval_count


def _key(interval: Interval) -> str:
    return f"{interval[0]}-{interval[1]}"


def _parsed(text: str) -> Interval | None:
    name, _dash, count = text[:20].partition("-")
    return (name, int(count)) if count.isascii() and count.isdigit() else None


_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


def _length(interval: Interval) -> tuple[int, str]:
    """Shortest first."""
    return interval[1] * _DAYS.get(interval[0], 1_000), interval[0]
