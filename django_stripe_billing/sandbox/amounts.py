"""Amounts in minor units: what a quantity costs, and what a part of a period costs."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any


def of(price: dict[str, Any], quantity: int | Decimal | None) -> int:
    """What a quantity of a price costs for one whole period; None (metered) costs 0."""
    if quantity is None or price["unit_amount_decimal"] is None:
        return 0
    packages = price.get("transform_quantity")
    if packages:
        rounding = ROUND_CEILING if packages["round"] == "up" else ROUND_FLOOR
        exact_packages = Decimal(quantity) / packages["divide_by"]
        quantity = exact_packages.to_integral_value(rounding)
    return _whole(Decimal(price["unit_amount_decimal"]) * quantity)


def of_volume(tiers: list[dict[str, Any]], quantity: int | Decimal) -> int:
    """All units cost what those of the tier cost that the quantity reaches."""
    reached = next(tier for tier in tiers if tier["up_to"] is None or quantity <= tier["up_to"])
    return _whole(_of_tier(reached, quantity))


def of_graduated(tiers: list[dict[str, Any]], quantity: int | Decimal) -> int:
    """Each tier's units cost what it says; the flat amount of the first is always due."""
    total, below = Decimal(0), Decimal(0)
    for tier in tiers:
        if below and quantity <= below:
            break
        above = Decimal(quantity) if tier["up_to"] is None else min(quantity, tier["up_to"])
        total += _of_tier(tier, above - below)
        below = Decimal(tier["up_to"] or quantity)
    return _whole(total)


def _of_tier(tier: dict[str, Any], quantity: int | Decimal) -> Decimal:
    unit, flat = tier["unit_amount_decimal"] or 0, tier["flat_amount_decimal"] or 0
    return Decimal(unit) * quantity + Decimal(flat)


def _whole(exact: Decimal) -> int:
    return int(exact.to_integral_value(ROUND_HALF_UP))


def part(amount: int, *, seconds: int, whole: int) -> int:
    """The part of an amount that belongs to some seconds of a period, to the nearest unit.

    https://docs.stripe.com/billing/subscriptions/prorations
    """
    sign = -1 if amount < 0 else 1
    return sign * ((2 * abs(amount) * seconds + whole) // (2 * whole))
