"""Prices in several currencies. https://docs.stripe.com/products-prices/pricing-models#multicurrency"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine

OPTION = ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")


def of(engine: Engine, price: StripeObject, currency: str, *, param: str = "") -> StripeObject:
    """The price as it is in a currency. Raises SandboxError if it has none there."""
    if price["currency"] == currency:
        return price
    option = engine.state.notes[price["id"]].get("currency_options", {}).get(currency)
    if option is None:
        known = ", ".join(f"`{name}`" for name in _names(engine, price))
        raise SandboxError(
            f"The price specified only supports {known}. This doesn't match the expected currency:"
            f" `{currency}`.",
            param=param,
        )
    return {**price, **option, "currency": currency}


def is_in(engine: Engine, price: StripeObject, currency: str | None) -> bool:
    """Whether the price can be paid in a currency."""
    return currency in _names(engine, price)


def chosen(
    engine: Engine, prices: list[StripeObject], *, asked: str | None, customer: str | None
) -> str:
    """The currency of a sale: the one that is asked for, or the customer's where that will do."""
    if asked:
        return asked.lower()
    if customer and all(is_in(engine, price, customer) for price in prices):
        return customer
    return str(prices[0]["currency"])


def keep(engine: Engine, price_id: str, options: dict[str, Any]) -> None:
    """Remember what a price is in other currencies; `options` are prices as `prices` builds."""
    held = engine.state.notes[price_id].setdefault("currency_options", {})
    held |= {name: {key: built[key] for key in OPTION} for name, built in options.items()}


def shown(engine: Engine, price: StripeObject) -> StripeObject:
    """What a price shows as `currency_options` when that is expanded."""
    options = engine.state.notes[price["id"]].get("currency_options", {})
    return {price["currency"]: {key: price[key] for key in OPTION}, **options}


def _names(engine: Engine, price: StripeObject) -> list[str]:
    return [price["currency"], *engine.state.notes[price["id"]].get("currency_options", {})]
