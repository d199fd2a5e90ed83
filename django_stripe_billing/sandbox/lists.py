"""Stripe's lists: newest first, with cursors. https://docs.stripe.com/api/pagination"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import SandboxError, missing


def paginate(rows: Iterable[dict[str, Any]], params: dict[str, Any], *, url: str) -> dict[str, Any]:
    """A page of rows that are given newest first. Raises SandboxError for a bad cursor or limit."""
    limit = params.get("limit", 10)
    if not isinstance(limit, int) or not 1 <= limit <= 100:
        raise SandboxError(
            "Invalid integer: limit must be between 1 and 100",
            code="parameter_invalid_integer",
            param="limit",
        )
    if "starting_after" in params and "ending_before" in params:
        raise SandboxError("You may not use both starting_after and ending_before.")
    found = list(rows)
    if "ending_before" in params:
        before = found[: _position(found, params["ending_before"], "ending_before")]
        page, more = before[-limit:], len(before) > limit
    else:
        start = 0
        if "starting_after" in params:
            start = _position(found, params["starting_after"], "starting_after") + 1
        page, more = found[start : start + limit], len(found) > start + limit
    return {"object": "list", "data": page, "has_more": more, "url": url}


def is_shown(params: dict[str, Any], row: dict[str, Any]) -> bool:
    """Objects of test clocks are hidden, unless a clock or whose they are is asked for."""
    if "test_clock" in params:
        return bool(row["test_clock"] == params["test_clock"])
    return row["test_clock"] is None or any(name in params for name in OWNERS)


OWNERS = ("customer", "subscription", "invoice")


def created_in(params: dict[str, Any], name: str, value: int | None) -> bool:
    """Whether a moment lies in a range filter such as `created[gte]`."""
    wanted = params.get(name)
    if wanted is None:
        return True
    if value is None:
        return False
    if isinstance(wanted, int):
        return value == wanted
    return bool(
        value > wanted.get("gt", value - 1)
        and value >= wanted.get("gte", value)
        and value < wanted.get("lt", value + 1)
        and value <= wanted.get("lte", value)
    )


def equal(params: dict[str, Any], row: dict[str, Any], *names: str) -> bool:
    """Whether a row has the values of those filters that are given."""
    return all(name not in params or row.get(name) == params[name] for name in names)


def _position(rows: list[dict[str, Any]], object_id: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == object_id:
            return index
    raise missing("object", object_id, param=param, status=400)
