"""What Stripe's total of a minute says about usage that may have arrived."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

MOST_SUMS = 10_000


def was_counted(value: Decimal, *, others: Iterable[Decimal], rest: Decimal) -> bool | None:
    """Whether a total holds a value, when each of the others is in it or not, too.

    `rest` is the total without what is surely in it. None: it may be or not, or no choice of the
    values makes that total.
    """
    sums = {Decimal(0)}
    for other in others:
        sums |= {known + other for known in sums}
        if len(sums) > MOST_SUMS:
            return None
    may_be, may_not_be = rest - value in sums, rest in sums
    return may_be if may_be is not may_not_be else None
