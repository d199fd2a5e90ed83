"""Figures for the dashboard: recurring revenue a month, shares, and percentiles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .money import exactly_per_month


@dataclass(frozen=True, kw_only=True)
class RecurringLine:
    """Some units of one price that are paid for again and again."""

    currency: str
    unit_amount: int
    """Minor units, for `interval_count` intervals."""
    interval: str
    interval_count: int
    units: int
    discount: Fraction = Fraction(0)
    """The share that is taken off, 0 to 1."""


def monthly_recurring_revenue(lines: Iterable[RecurringLine]) -> dict[str, int]:
    """What subscriptions bring a month, by currency, in minor units.

    Each line is brought to a month exactly; the sum of a currency is rounded once, halves to the
    even unit. What costs nothing adds no currency.
    """
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for line in lines:
        worth = exactly_per_month(
            line.unit_amount * line.units,
            interval=line.interval,
            interval_count=line.interval_count,
        )
        sums[line.currency] += worth * (1 - line.discount)
    return {currency: round(worth) for currency, worth in sorted(sums.items()) if worth}


def discount_share(*, discount: int, subtotal: int) -> Fraction:
    """The share of an invoice that discounts took off, 0 to 1; 0 for an invoice over nothing."""
    if subtotal <= 0 or discount <= 0:
        return Fraction(0)
    return min(Fraction(discount, subtotal), Fraction(1))


def percent(part: int, whole: int) -> float | None:
    """A share in percent, to one decimal; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share (0 to 1) of the values does not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[min(max(rank, 1), len(ordered)) - 1]
