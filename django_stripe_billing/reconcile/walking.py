"""Walking one window's list of Stripe's: page by page, each with a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.db import DatabaseError, InterfaceError

from ..exceptions import (
    BillingError,
    StripeError,
    StripeObjectMissingError,
    StripeUnavailableError,
)
from ..rules.json_values import customer_parameter, identifier, second
from ..stripe_api import Page, PagesAhead, counted_calls, read_page
from . import windows
from .assignment import Assignment
from .leases import TakenOverError
from .patience import Patience


class Walk:
    """Compares the pages of one window; `work` returns when it is done, or raises.

    A kind of list says where it is, what it is asked for, and what a page means: `look` compares a
    page and ends with `_advance`.
    """

    path: str
    params: Mapping[str, Any]

    def __init__(self, given: Assignment) -> None:
        self._run = given.run
        self._window = given.window
        self._options = given.options
        self._account = given.options.account
        self._owner = given.owner
        self._tell = given.tell
        self._patience = Patience(given.pace)
        self._progress = windows.progress_of(given.window)
        self._calls_before = self._progress.calls
        self._second_of = {self._progress.cursor: self._progress.lowest}
        self._errors = self._progress.errors

    @property
    def listed(self) -> int:
        return self._progress.listed

    def work(self) -> None:
        """Raises StripeError when Stripe does not answer, TakenOverError, or a database's error."""
        with counted_calls() as counter:
            try:
                self._walk(counter)
            except (StripeError, DatabaseError, InterfaceError):
                self._save(counter["calls"], is_done=False)
                raise
            except KeyboardInterrupt:
                with suppress(BillingError, DatabaseError, InterfaceError):
                    self._save(counter["calls"], is_done=False)
                raise

    def look(self, page: Page, *, is_continued: bool) -> None:
        """Compare a page; `is_continued` where another worker may have repaired some of it."""
        raise NotImplementedError

    def _begin(self) -> None:
        """What the window's last worker left is done first."""

    def _walk(self, counter: Mapping[str, int]) -> None:
        self._begin()
        is_continued = bool(self._run.resumed) or self._window.attempts > 1
        with PagesAhead(self._read, cursor=self._progress.cursor) as ahead:
            for page in ahead:
                self.look(page, is_continued=is_continued)
                self._save(counter["calls"], is_done=not page.has_more)
                self._told(page)
                is_continued = False

    def _told(self, page: Page) -> None:
        """Subscriptions alone are what the listener counts."""

    def _save(self, calls: int, *, is_done: bool) -> None:
        self._progress.calls = self._calls_before + calls
        self._progress.errors = self._errors
        if not windows.save(self._window, self._progress, owner=self._owner, is_done=is_done):
            raise TakenOverError

    # Reading

    def _read(self, cursor: str) -> Page:
        try:
            page = self._read_from(cursor)
        except StripeObjectMissingError:
            if not cursor:
                raise
            # The cursor is gone: go on from its second. What was compared of that is left out.
            page = self._read_from("", before=self._second_of[cursor] + 1)
        if page.has_more:
            self._second_of = {page.cursor: _last_second(page)}
        return page

    def _read_from(self, cursor: str, *, before: int | None = None) -> Page:
        params: dict[str, Any] = dict(self.params)
        created: dict[str, int] = {}
        if self._window.created_from:
            created["gte"] = self._window.created_from
        if self._options.customer_id:
            customer_id = self._options.customer_id
            params[customer_parameter(customer_id)] = customer_id  # on a test clock, even future
        else:
            is_newest = self._window.created_before == self._run.created_before
            if not is_newest:  # that one takes whatever comes: `created` may be ahead of the Date
                created["lt"] = self._window.created_before
        if before is not None:
            created["lt"] = before
        if created:
            params["created"] = created
        return self._patience(
            lambda: read_page(self.path, params, cursor=cursor, account=self._account)
        )

    # How far it has come

    def _unseen(self, page: Page) -> list[dict[str, Any]]:
        """The rows of a page that the page before did not end with."""
        return [row for row in page.rows if identifier(row) not in self._progress.edge]

    def _floor(self, page: Page) -> int:
        """Everything later than this second is listed by now."""
        return _last_second(page) if page.has_more else self._window.created_from - 1

    @property
    def _ceiling(self) -> int:
        """The last second that is compared with what is stored: what was created after the run
        began is listed, perhaps, and never taken for missing."""
        return min(self._progress.lowest, self._window.created_before - 1)

    def _advance(
        self,
        page: Page,
        listed: Iterable[Mapping[str, Any]],
        *,
        compared: int,
        unsettled: list[str] | None = None,
    ) -> None:
        """Note that a page was compared, `listed` being what `_unseen` found on it."""
        progress, lowest = self._progress, self._floor(page)
        rows = list(listed)
        edge = {identifier(row) for row in rows if (second(row.get("created")) or 0) <= lowest}
        self._progress = replace(
            progress,
            cursor=page.cursor,
            lowest=lowest,
            edge=edge | (progress.edge if lowest >= progress.lowest else set()),
            unsettled=unsettled or [],
            listed=progress.listed + len(rows),
            compared=progress.compared + compared,
        )


def _last_second(page: Page) -> int:
    """The second down to which a page that is not the last one knows the list."""
    moment = second(page.rows[-1].get("created"))
    if moment is None:
        raise StripeUnavailableError("Stripe's list does not say when its last row was created.")
    return moment
