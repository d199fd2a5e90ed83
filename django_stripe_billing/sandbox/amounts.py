"""Amounts in minor units: what a quantity costs, and what a part of a period costs."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any


def of(price: dict[str, Any], quantity: int | None) -> int:
    """What a quantity of a price costs for one whole period; None (metered, tiered) costs 0."""
    if quantity is None or price["unit_amount_decimal"] is None:
        return 0
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    return int(exact.to_integral_value(ROUND_HALF_UP))


def part(amount: int, *, seconds: int, whole: int) -> int:
    """The part of an amount that belongs to some seconds of a period, to the nearest unit.

    https://docs.stripe.com/billing/subscriptions/prorations
    """
    sign = -1 if amount < 0 else 1
    return sign * ((2 * abs(amount) * seconds + whole) // (2 * whole))
