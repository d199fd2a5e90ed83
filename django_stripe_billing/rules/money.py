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


def per_month(amount: int, *, interval: str, interval_count: int) -> int:
    """An amount in minor units for `interval_count` intervals, as minor units a month.

    Halves are rounded to the even unit. An interval that we do not know counts as nothing.
    """
    share = _PER_MONTH.get(interval)
    if share is None or interval_count < 1:
        return 0
    return round(amount * share / interval_count)
