"""Typed reads from untrusted JSON: a value of the expected type, or None; never an exception."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

JSONObject = Mapping[str, Any]

LARGEST_SECOND = 253_402_214_399
"""9999-12-30T23:59:59Z in Unix seconds: what a datetime in any time zone can still hold."""

LARGEST_INTEGER = 2**63 - 1
"""What a database column for big integers holds."""

MOST_LEVELS = 24
"""How deep JSON may be nested: MariaDB takes 31 levels, Stripe's events have about ten."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and halves of surrogate pairs, which no encoding has."""


def read_json(body: bytes) -> Any:
    """JSON that every database can hold, without characters that one of them refuses.

    Raises ValueError for what is not UTF-8 or not JSON (NaN and Infinity are not), for a number
    that no double holds, and beyond MOST_LEVELS.
    """
    try:
        return _storable(json.loads(body.decode()), levels=MOST_LEVELS)
    except RecursionError:
        raise ValueError("The JSON is nested too deep.") from None


def _storable(value: Any, *, levels: int) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("The JSON holds a number that is none.")
    if isinstance(value, dict | list) and levels == 0:
        raise ValueError("The JSON is nested too deep.")
    if isinstance(value, list):
        return [_storable(entry, levels=levels - 1) for entry in value]
    if isinstance(value, dict):
        return {
            _UNSTORABLE.sub("", key): _storable(entry, levels=levels - 1)
            for key, entry in value.items()
        }
    return value


def mapping(value: object) -> JSONObject:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def objects(value: object) -> list[JSONObject]:
    """The JSON objects of an array, or of a Stripe list object's `data`; others are left out."""
    if isinstance(value, Mapping):
        value = value.get("data")
    if not isinstance(value, list):
        return []
    return [entry for entry in value if isinstance(entry, Mapping)]


def text(value: object, *, longest: int = 255) -> str:
    """The value if it is a string, storable and cut to `longest` characters, else ''."""
    return _UNSTORABLE.sub("", value)[:longest] if isinstance(value, str) else ""


def identifier(value: object) -> str:
    """A Stripe id, given as the id itself or as the expanded object, else ''.

    An id longer than 255 characters is none of Stripe's, and cutting it would make another id.
    """
    if isinstance(value, Mapping):
        value = value.get("id")
    if not isinstance(value, str) or len(value) > 255 or _UNSTORABLE.search(value):
        return ""
    return value


def customer_of(value: JSONObject) -> str:
    """The id of the customer that an object is for: `cus_…`, or `acct_…` of an account that acts
    as one, which has its own field beside a `customer` that may then be null.

    https://docs.stripe.com/accounts-v2/use-accounts-as-customers
    """
    return identifier(value.get("customer")) or identifier(value.get("customer_account"))


CUSTOMER_PARAMETERS = frozenset({"customer", "customer_account"})


def customer_parameter(customer_id: str) -> str:
    """The name of the parameter that takes this customer: an account has a twin of its own.

    https://docs.stripe.com/accounts-v2/use-accounts-as-customers
    """
    return "customer_account" if customer_id.startswith("acct_") else "customer"


def flag(value: object) -> bool:
    """True only for JSON true."""
    return value is True


def integer(value: object) -> int | None:
    """The value if it is a whole number that a database holds, else None; booleans are none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -LARGEST_INTEGER <= value <= LARGEST_INTEGER else None


def second(value: object) -> int | None:
    """A moment in Unix seconds that a datetime can hold, else None."""
    number = integer(value)
    return number if number is not None and 0 <= number <= LARGEST_SECOND else None


def whole_number(value: object) -> int | None:
    """The whole number that a metadata string spells, else None."""
    if not isinstance(value, str) or not _WHOLE_NUMBER.fullmatch(value.strip()):
        return None
    return int(value)


def metadata(value: object) -> dict[str, str]:
    """Stripe metadata: string keys to string values; entries of other types are left out."""
    return {
        text(key): text(entry, longest=500)
        for key, entry in mapping(value).items()
        if isinstance(key, str) and isinstance(entry, str)
    }
