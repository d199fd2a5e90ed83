"""The terms of sale that live in Stripe's metadata: limits, quantities, trials, grace, days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .json_values import whole_number

LIMIT_PREFIX = "limit:"
"""A product's metadata key `limit:<feature lookup key>` holds that feature's limit."""

_PER_UNIT = re.compile(r"([0-9]{1,9}) per unit")
_MOST_DAYS = 36_500
_MOST_UNITS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How much of a feature a product includes."""

    value: int | None
    """None: without limit."""
    is_per_unit: bool = False
    """The limit counts for each unit of the subscription item's quantity."""


TRIAL_ENDS = ("cancel", "pause", "create_invoice")
"""https://docs.stripe.com/payments/checkout/free-trials"""

NO_LIMIT = Limit(value=None)
NOTHING = Limit(value=0)


@dataclass(frozen=True, kw_only=True)
class PriceTerms:
    """What checkout may do with a price."""

    quantity_min: int
    quantity_max: int
    trial_days: int
    """0: no trial."""
    is_trial_without_card: bool
    trial_end: str
    """What Stripe does when a trial ends and there is no card: one of TRIAL_ENDS."""
    is_sellable: bool
    """False when the catalog withholds the price from self-service checkout."""


def parse_limit(text: str) -> Limit:
    """Read `5`, `5 per unit` or `unlimited`; what can't be read grants nothing."""
    cleaned = " ".join(text.lower().split())
    if cleaned in {"", "unlimited"}:
        return NO_LIMIT
    per_unit = _PER_UNIT.fullmatch(cleaned)
    if per_unit:
        return Limit(value=int(per_unit[1]), is_per_unit=True)
    number = whole_number(cleaned)
    if number is None or not 0 <= number <= _MOST_UNITS:
        return NOTHING
    return Limit(value=number)


def limits_of(metadata: Mapping[str, str]) -> dict[str, Limit]:
    """The limits that a product's metadata states, by feature lookup key."""
    return {
        key.removeprefix(LIMIT_PREFIX): parse_limit(value)
        for key, value in metadata.items()
        if key.startswith(LIMIT_PREFIX)
    }


def grace_days_of(metadata: Mapping[str, str]) -> int | None:
    """The days of grace after a failed payment that a product states, or None."""
    return _days(metadata.get("grace_days"))


def access_days_of(metadata: Mapping[str, str]) -> int | None:
    """The days of access that a unit of a product is worth when it is bought once.

    None: for good; 0: what stands there can't be read, so that nothing is sold or granted.
    """
    if "access_days" not in metadata:
        return None
    return _days(metadata["access_days"]) or 0


def combine_rule_of(metadata: Mapping[str, str]) -> str:
    """How a feature's limits from several sources combine: `sum`, or `max` by default."""
    return "sum" if metadata.get("combine", "").strip().lower() == "sum" else "max"


def price_terms(product: Mapping[str, str], price: Mapping[str, str]) -> PriceTerms:
    """The terms of a price, from its own metadata and else its product's.

    A bound that can't be read leaves the price at exactly one unit.
    """
    terms = {**product, **price}
    lowest = whole_number(terms.get("quantity_min", "1"))
    highest = whole_number(terms.get("quantity_max", str(lowest)))
    if lowest is None or highest is None or not 1 <= lowest <= highest <= _MOST_UNITS:
        lowest = highest = 1
    trial_end = terms.get("trial_end", "").strip().lower()
    return PriceTerms(
        quantity_min=lowest,
        quantity_max=highest,
        trial_days=_days(terms.get("trial_days")) or 0,
        is_trial_without_card=_is_true(terms.get("trial_without_card", "false")),
        trial_end=trial_end if trial_end in TRIAL_ENDS else TRIAL_ENDS[0],
        is_sellable=_is_true(terms.get("sellable", "true")),
    )


def _is_true(text: str) -> bool:
    return text.strip().lower() == "true"


def _days(text: str | None) -> int | None:
    number = whole_number(text)
    return number if number is not None and 0 <= number <= _MOST_DAYS else None
