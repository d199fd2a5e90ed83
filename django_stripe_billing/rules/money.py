"""Amounts of money: whole minor units, brought from a billing interval to a month."""

from __future__ import annotations

from fractions import Fraction

_PER_MONTH = {
    "day": Fraction(1461, 48),
    "week": Fraction(1461, 336),
    "month": Fraction(1),
    "year": Fraction(1, 12),
}
"""How many intervals a month has; a year has 365.25 days."""


def exactly_per_month(amount: int, *, interval: str, interval_count: int) -> Fraction:
    """An amount in minor units for `interval_count` intervals, as minor units a month, unrounded.

    An interval that we do not know counts as nothing.
    """
    share = _PER_MONTH.get(interval)
    if share is None or interval_count < 1:
        return Fraction(0)
    return amount * share / interval_count


def per_month(amount: int, *, interval: str, interval_count: int) -> int:
    """The same in whole minor units; halves are rounded to the even unit."""
    return round(exactly_per_month(amount, interval=interval, interval_count=interval_count))
