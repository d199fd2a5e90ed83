"""Stripe's lists, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..exceptions import StripeUnavailableError
from ..rules.json_values import identifier, objects
from ..rules.ordering import Interval
from .client import Answer, request

PAGE_SIZE = 100
"""The most that Stripe puts on a page."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list, newest first."""

    rows: list[dict[str, Any]]
    interval: Interval


def pages(path: str, params: dict[str, Any] | None = None, *, account: str = "") -> Iterator[Page]:
    """Walk a list to its end; each page is one call. Raises StripeError.

    https://docs.stripe.com/api/pagination
    """
    cursor: dict[str, Any] = {}
    while True:
        answer = request(
            "get", path, {**(params or {}), "limit": PAGE_SIZE, **cursor}, account=account
        )
        if not isinstance(answer.data.get("data"), list):
            raise StripeUnavailableError(f"Stripe's answer to {path} is not a list.")
        rows = [dict(row) for row in objects(answer.data)]
        yield Page(rows=rows, interval=answer.interval)
        if answer.data.get("has_more") is not True:
            return
        last = identifier(rows[-1]) if rows else ""
        if not last or last == cursor.get("starting_after"):
            raise StripeUnavailableError(f"Stripe's list {path} does not go on where it should.")
        cursor = {"starting_after": last}


def fetch_subscription(stripe_id: str, *, account: str = "") -> Answer:
    """A subscription with all its items: one call, or more when Stripe cuts the items short."""
    answer = request("get", f"/v1/subscriptions/{quote(stripe_id, safe='')}", account=account)
    items = answer.data.get("items")
    if not isinstance(items, dict) or items.get("has_more") is not True:
        return answer
    rows: list[dict[str, Any]] = []
    interval = answer.interval
    for page in pages("/v1/subscription_items", {"subscription": stripe_id}, account=account):
        rows.extend(page.rows)
        interval = Interval(
            low=min(interval.low, page.interval.low), high=max(interval.high, page.interval.high)
        )
    whole = {**items, "data": rows, "has_more": False}
    return Answer(
        data={**answer.data, "items": whole}, interval=interval, request_id=answer.request_id
    )
