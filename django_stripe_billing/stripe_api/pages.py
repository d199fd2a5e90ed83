"""Stripe's lists, page by page."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
    has_more: bool
    cursor: str
    """Where the next page starts; '' on the last one."""


def read_page(
    path: str, params: dict[str, Any] | None = None, *, cursor: str = "", account: str = ""
) -> Page:
    """One page of a list, one call. Raises StripeError, also where the list does not go on as it
    should. https://docs.stripe.com/api/pagination
    """
    wanted = {**(params or {}), "limit": PAGE_SIZE}
    if cursor:
        wanted["starting_after"] = cursor
    answer = request("get", path, wanted, account=account)
    listed = answer.data.get("data")
    if not isinstance(listed, list):
        raise StripeUnavailableError(f"Stripe's answer to {path} is not a list.")
    rows = objects(answer.data)
    has_more = answer.data.get("has_more") is True
    last = identifier(rows[-1]) if rows else ""
    if len(rows) != len(listed) or (has_more and last in {"", cursor}):
        raise StripeUnavailableError(f"Stripe's list {path} does not go on where it should.")
    return Page(
        rows=rows,  # type: ignore[arg-type]  # JSON objects are dicts
        interval=answer.interval,
        has_more=has_more,
        cursor=last if has_more else "",
    )


def pages(path: str, params: dict[str, Any] | None = None, *, account: str = "") -> Iterator[Page]:
    """Walk a list to its end; each page is one call. Raises StripeError."""
    cursor = ""
    while True:
        page = read_page(path, params, cursor=cursor, account=account)
        yield page
        if not page.has_more:
            return
        cursor = page.cursor


class PagesAhead:
    """Reads a list while the caller works: the next page is on its way once one was taken.

    `read(cursor)` returns a Page, and runs in a thread of its own with the caller's context. Close
    it, or use it as a context manager.
    """

    def __init__(self, read: Any, *, cursor: str = "") -> None:
        self._read = read
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pages")
        self._next: Future[Page] | None = self._ask(cursor)

    def __iter__(self) -> Iterator[Page]:
        while self._next is not None:
            page = self._next.result()
            self._next = self._ask(page.cursor) if page.has_more else None
            yield page

    def __enter__(self) -> PagesAhead:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, cursor: str) -> Future[Page]:
        return self._pool.submit(contextvars.copy_context().run, self._read, cursor)


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
