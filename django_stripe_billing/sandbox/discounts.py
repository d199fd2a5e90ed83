"""What coupons take off the lines of an invoice or a checkout: a pure calculation.

https://docs.stripe.com/billing/subscriptions/coupons
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, kw_only=True)
class Line:
    """What is charged for one thing."""

    amount: int
    """Minor units; negative for a credit."""
    product: str = ""
    is_discountable: bool = True


@dataclass(frozen=True, kw_only=True)
class Coupon:
    """Percent off, or an amount off."""

    percent_off: Decimal | None = None
    """0 to 100."""
    amount_off: int = 0
    """Minor units, over all lines together."""
    products: frozenset[str] = frozenset()
    """The products it applies to; empty: all."""

    def applies_to(self, line: Line) -> bool:
        return line.is_discountable and (not self.products or line.product in self.products)


def discount_amounts(lines: Sequence[Line], coupons: Sequence[Coupon]) -> list[list[int]]:
    """For each coupon the amounts that it takes off, one for each line, in minor units.

    Coupons apply in their order, each to what the ones before it have left. A percentage is rounded
    half up line by line; an amount is spread over the lines in proportion, to the last cent, and
    never below zero.
    """
    left = [line.amount for line in lines]
    table = []
    for coupon in coupons:
        open_amounts = [
            amount if coupon.applies_to(line) else 0
            for line, amount in zip(lines, left, strict=True)
        ]
        if coupon.percent_off is not None:
            taken = [_percent(amount, coupon.percent_off) for amount in open_amounts]
        else:
            taken = _spread(coupon.amount_off, open_amounts)
        left = [amount - off for amount, off in zip(left, taken, strict=True)]
        table.append(taken)
    return table


def _percent(amount: int, percent: Decimal) -> int:
    return int((Decimal(amount) * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _spread(amount: int, over: Sequence[int]) -> list[int]:
    """An amount in proportion to the positive ones of `over`; the largest remainders round up."""
    positive = [max(part, 0) for part in over]
    total = sum(positive)
    amount = min(amount, total)
    if not amount:
        return [0] * len(positive)
    shares = [divmod(amount * part, total) for part in positive]
    result = [whole for whole, _ in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: -shares[index][1])
    for index in by_remainder[: amount - sum(result)]:
        result[index] += 1
    return result
