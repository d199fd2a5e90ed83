"""Typed reads from untrusted JSON: a value of the expected type, or None; never an exception."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

JSONObject = Mapping[str, Any]

LARGEST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z in Unix seconds: what a datetime can still hold."""

LARGEST_INTEGER = 2**63 - 1
"""What a database column for big integers holds."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


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
    """The value if it is a string, cut to `longest` characters and free of NUL, else ''."""
    return value.replace("\0", "")[:longest] if isinstance(value, str) else ""


def identifier(value: object) -> str:
    """A Stripe id, given as the id itself or as the expanded object, else ''.

    An id longer than 255 characters is none of Stripe's, and cutting it would make another id.
    """
    if isinstance(value, Mapping):
        value = value.get("id")
    if not isinstance(value, str) or len(value) > 255 or "\0" in value:
        return ""
    return value


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
        key: text(entry, longest=500)
        for key, entry in mapping(value).items()
        if isinstance(key, str) and isinstance(entry, str)
    }
