"""A plans file (TOML) → `Plans`, or every problem that it has."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from ..rules.catalog import LIMIT_PREFIX, TRIAL_ENDS
from ..rules.payment_snapshots import MOST_DAYS
from .currencies import CURRENCIES
from .errors import PlanFileError
from .plans import FeaturePlan, Plans, PricePlan, ProductPlan
from .tables import Table

LONGEST_INTERVALS = {"day": 1095, "week": 156, "month": 36, "year": 3}
"""How many of an interval a price may span: three years.
https://docs.stripe.com/api/prices/create"""

LONGEST_TRIAL_DAYS = 730
"""https://docs.stripe.com/api/checkout/sessions/create"""

LARGEST_QUANTITY = 999_999
LARGEST_AMOUNT = 999_999_999_999
LARGEST_LIMIT = 2**31 - 1
LONGEST_METADATA_KEY = 40
"""https://docs.stripe.com/metadata"""
MOST_METADATA_KEYS = 50

ONLY_RECURRING = frozenset({"interval_count", "trial_days", "trial_without_card", "trial_end"})
"""Keys of a price that say nothing about one that is paid once."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
_LIMIT = re.compile(r"unlimited|[0-9]{1,9}( per unit)?")


def read_plans(path: str | Path) -> Plans:
    """Read and check a plans file without asking anybody.

    Raises PlanFileError with all of its problems at once.
    """
    file = Path(path)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanFileError([f"{path}: can't be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise PlanFileError([f"{path}: is not UTF-8. Save it as UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise PlanFileError([f"{path}: is not valid TOML: {error}."]) from None
    problems: list[str] = []
    plans = _plans(Table(values, file=file.name, name="", problems=problems))
    if problems:
        raise PlanFileError(problems)
    return plans


def _plans(root: Table) -> Plans:
    features = tuple(_feature(key, table) for key, table in root.tables("features").items())
    known = {feature.lookup_key for feature in features}
    seen: dict[str, str] = {}
    products = tuple(
        _product(key, table, known=known, seen=seen)
        for key, table in root.tables("products").items()
    )
    root.finish()
    return Plans(features=features, products=products)


def _feature(key: str, table: Table) -> FeaturePlan:
    _check_key(table, key, longest=80)
    plan = FeaturePlan(
        lookup_key=key,
        name=table.text("name", default=key, longest=80),
        combine=table.choice("combine", ("max", "sum"), default="max"),
    )
    table.finish()
    return plan


def _product(
    key: str, table: Table, *, known: Collection[str], seen: dict[str, str]
) -> ProductPlan:
    _check_key(table, key, longest=200)
    features = table.texts("features")
    for feature in features:
        if feature not in known:
            mend = f"Add a table [features.{feature}], or remove it from the list."
            table.problem("features", f'"{feature}" is no feature of this file. {mend}')
        elif features.count(feature) > 1:
            table.problem("features", f'"{feature}" stands there twice. Remove one.')
    name = table.text("name")
    description = table.text("description", default="", longest=40_000)
    active = table.flag("active")
    limits = _limits(table, features)
    own = {
        "grace_days": table.whole("grace_days", lowest=0, highest=365),
        "access_days": table.whole("access_days", lowest=1, highest=MOST_DAYS),
    }
    terms = _terms(table)
    _check_terms(table, terms)
    prices = tuple(
        _price(price_key, price, product_terms=terms, seen=seen)
        for price_key, price in table.tables("prices").items()
    )
    table.finish()
    terms |= {name: str(value) for name, value in own.items() if value is not None}
    if own["access_days"] is not None and prices and all(price.interval for price in prices):
        mend = "Add a price without an interval, or remove the line."
        table.problem("access_days", f"counts for what is paid once, and nothing is. {mend}")
    if len(terms) + len(limits) + 1 > MOST_METADATA_KEYS:
        table.problem("limits", f"has too many. Stripe keeps {MOST_METADATA_KEYS} metadata keys.")
    return ProductPlan(
        key=key,
        name=name,
        description=description,
        active=active is not False,
        features=tuple(features),
        terms={**limits, **terms},
        prices=prices,
    )


def _limits(table: Table, features: Collection[str]) -> dict[str, str]:
    limits = {}
    for feature, value in table.mapping("limits").items():
        where, metadata_key = f"limits.{feature}", LIMIT_PREFIX + feature
        cleaned = " ".join(str(value).lower().split())
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not (is_number or isinstance(value, str)) or not _LIMIT.fullmatch(cleaned):
            mend = 'Write a whole number up to 999999999, "5 per unit" or "unlimited".'
            table.problem(where, f"{value!r} is no limit. {mend}")
        elif feature not in features:
            mend = "Add the feature to the product's features, or remove the limit."
            table.problem(where, f"the product does not include {feature}. {mend}")
        elif len(metadata_key) > LONGEST_METADATA_KEY:
            most = LONGEST_METADATA_KEY - len(LIMIT_PREFIX)
            mend = f"Give the feature a key of {most} characters at most."
            table.problem(where, f"{metadata_key} is too long for Stripe's metadata. {mend}")
        else:
            limits[metadata_key] = cleaned
    return limits


def _price(
    key: str, table: Table, *, product_terms: Mapping[str, str], seen: dict[str, str]
) -> PricePlan:
    _check_key(table, key, longest=200)
    if key in seen:
        mend = "A lookup key names one price: choose another."
        table.problem("", f"the lookup key is also that of [{seen[key]}]. {mend}")
    seen[key] = table.name
    amount = table.whole(
        "unit_amount",
        lowest=0,
        highest=LARGEST_AMOUNT,
        required=True,
        mend="Write the currency's minor unit as a whole number: 29.00 usd are 2900.",
    )
    currency = table.text("currency")
    if currency and currency not in CURRENCIES:
        lowered = currency.strip().lower()
        mend = f'Write "{lowered}".' if lowered in CURRENCIES else "Write an ISO code such as usd."
        table.problem("currency", f'"{currency}" is no currency. {mend}')
    interval = table.choice("interval", tuple(LONGEST_INTERVALS), default="")
    count = table.whole("interval_count", lowest=1, highest=LONGEST_INTERVALS.get(interval, 1095))
    nickname = table.text("nickname", default="")
    active = table.flag("active")
    terms = _terms(table)
    _check_terms(table, {**product_terms, **terms})
    if interval:
        _check_trial(table, {**product_terms, **terms})
    if not table.values.get("interval"):
        for name in sorted(ONLY_RECURRING & table.values.keys()):
            mend = "Add an interval, or remove the line."
            table.problem(name, f"a price without an interval is paid once. {mend}")
    table.finish()
    return PricePlan(
        lookup_key=key,
        unit_amount=amount or 0,
        currency=currency,
        interval=interval,
        interval_count=(count or 1) if interval else 0,
        nickname=nickname,
        active=active is not False,
        terms=terms,
    )


def _terms(table: Table) -> dict[str, str]:
    """The terms of sale that a product or a price states, as metadata."""
    flags = {name: table.flag(name) for name in ("sellable", "trial_without_card")}
    trial_end = table.choice("trial_end", TRIAL_ENDS, default="")
    numbers = {
        "trial_days": table.whole("trial_days", lowest=0, highest=LONGEST_TRIAL_DAYS),
        "quantity_min": table.whole("quantity_min", lowest=1, highest=LARGEST_QUANTITY),
        "quantity_max": table.whole("quantity_max", lowest=1, highest=LARGEST_QUANTITY),
    }
    terms = {key: str(value) for key, value in numbers.items() if value is not None}
    terms |= {key: str(value).lower() for key, value in flags.items() if value is not None}
    return {**terms, "trial_end": trial_end} if trial_end else terms


def _check_terms(table: Table, terms: Mapping[str, str]) -> None:
    """The bounds must fit together, also where a price inherits one from its product."""
    lowest = int(terms.get("quantity_min", "1"))
    highest = int(terms.get("quantity_max", str(lowest)))
    if lowest > highest:
        mend = f"Write quantity_max = {lowest} or more."
        table.problem("quantity_max", f"{highest} is less than quantity_min, {lowest}. {mend}")


def _check_trial(table: Table, terms: Mapping[str, str]) -> None:
    """What a price itself states of its trial must be about one; `terms` with the product's."""
    if "trial_without_card" in table.values and terms.get("trial_days", "0") == "0":
        mend = "Add trial_days, or remove the line."
        table.problem("trial_without_card", f"is about a trial, and there is none. {mend}")
    if "trial_end" in table.values and terms.get("trial_without_card") != "true":
        mend = "Add trial_without_card = true, or remove the line."
        table.problem("trial_end", f"is about trials without a card. {mend}")


def _check_key(table: Table, key: str, *, longest: int) -> None:
    if not _KEY.fullmatch(key) or len(key) > longest:
        mend = f"Use letters, digits, _ . : - and {longest} characters at most."
        table.problem("", f'"{key}" is no usable key. {mend}')
