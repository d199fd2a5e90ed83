"""Stripe, with the calls counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..rules.ordering import Interval
from ..stripe_api import Answer, Page, pages, request


class Calls:
    """Reads and writes of one account; a dry run counts its writes and makes none."""

    def __init__(self, *, account: str = "", is_dry_run: bool = False) -> None:
        self.account = account
        self.is_dry_run = is_dry_run
        self.made = 0
        """Calls that went to Stripe, pages of lists among them."""
        self.writes = 0
        """Calls that changed something there, or would have."""

    def get(self, path: str) -> Answer:
        """One object. Raises StripeError."""
        self.made += 1
        return request("get", path, account=self.account)

    def pages(self, path: str, **params: Any) -> Iterator[Page]:
        """A list, page by page. Raises StripeError."""
        for page in pages(path, params, account=self.account):
            self.made += 1
            yield page

    def rows(self, path: str, **params: Any) -> tuple[list[dict[str, Any]], Interval]:
        """A whole list and the interval that holds all of its pages. Raises StripeError."""
        found: list[dict[str, Any]] = []
        lows, highs = [], []
        for page in self.pages(path, **params):
            found += page.rows
            lows.append(page.interval.low)
            highs.append(page.interval.high)
        return found, Interval(low=min(lows), high=max(highs))

    def create(self, path: str, params: dict[str, Any], *, idempotency_key: str = "") -> str:
        """Post, and return the object's id; '' in a dry run. Raises StripeError."""
        return str(self._write("post", path, params, idempotency_key).get("id") or "")

    def update(self, path: str, params: dict[str, Any]) -> None:
        """Post to an object. Raises StripeError."""
        self._write("post", path, params, "")

    def delete(self, path: str) -> None:
        """Delete an object. Raises StripeError."""
        self._write("delete", path, None, "")

    def _write(
        self, method: Any, path: str, params: dict[str, Any] | None, idempotency_key: str
    ) -> dict[str, Any]:
        self.writes += 1
        if self.is_dry_run:
            return {}
        self.made += 1
        answer = request(
            method, path, params, account=self.account, idempotency_key=idempotency_key
        )
        return answer.data
