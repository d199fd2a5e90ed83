"""Amounts in minor units: what a quantity costs, and what a part of a period costs."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any


def of(price: dict[str, Any], quantity: int | Decimal | None) -> int:
    """What a quantity of a price costs for one whole period; None (metered) and tiers cost 0."""
    if quantity is None or price["unit_amount_decimal"] is None:
        return 0
    packages = price.get("transform_quantity")
    if packages:
        rounding = ROUND_CEILING if packages["round"] == "up" else ROUND_FLOOR
        exact_packages = Decimal(quantity) / packages["divide_by"]
        quantity = exact_packages.to_integral_value(rounding)
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    return int(exact.to_integral_value(ROUND_HALF_UP))


def part(amount: int, *, seconds: int, whole: int) -> int:
    """The part of an amount that belongs to some seconds of a period, to the nearest unit.

    https://docs.stripe.com/billing/subscriptions/prorations
    """
    sign = -1 if amount < 0 else 1
    return sign * ((2 * abs(amount) * seconds + whole) // (2 * whole))
