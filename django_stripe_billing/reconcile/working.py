"""One window of subscriptions: compared both ways page by page, recorded, repaired, remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet

from ..models import Drift, Subscription
from ..rules.json_values import identifier
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import Page
from .assignment import Assignment
from .comparing import Terms, is_suspect, read_terms
from .reading import PageReader, read_rows
from .recording import record
from .repairing import Repairer
from .row_keys import Row, remote_key
from .settling import Settler, unlisted
from .walking import Walk

MOST_ROWS = 4_000
"""Rows that one query of a page reads: subscriptions times items."""

MOST_MISSING = 1_000
"""Subscriptions of one page's range that Stripe does not list, before the run gives up."""


class WindowWorker(Walk):
    """Compares the subscriptions of one window.

    `tell(number)` is called after each page with the rows that were compared.
    """

    path = "/v1/subscriptions"
    params: Mapping[str, Any] = {"status": "all"}

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        self._reader = PageReader(
            account=self._account, customer_id=given.options.customer_id, most=MOST_ROWS
        )
        self._terms: Terms = read_terms(account=self._account)
        self._notes: Counter[str] = Counter(self._progress.notes)
        self._settler = Settler(
            given.run,
            given.options,
            terms=self._terms,
            patience=self._patience,
            repairer=Repairer(given.run, given.options, pace=given.pace),
            errors=self._errors,
            notes=self._notes,
        )

    def look(self, page: Page, *, is_continued: bool) -> None:
        raw = self._take(page)
        if is_continued or not page.has_more or self._settler.is_due:
            self._settle(known=raw.keys() if is_continued else ())

    def _told(self, page: Page) -> None:
        self._tell(len(page.rows))

    def _save(self, calls: int, *, is_done: bool) -> None:
        self._progress.notes = dict(self._notes)
        super()._save(calls, is_done=is_done)

    # One page

    def _take(self, page: Page) -> Mapping[str, dict[str, Any]]:
        """Compare a page quickly: what seems to differ waits to be settled. Its rows, by id."""
        progress = self._progress
        listed = self._unseen(page)
        raw = {identifier(row): row for row in listed}
        keys = {stripe_id: remote_key(row) for stripe_id, row in raw.items()}
        upper, lowest = self._ceiling, self._floor(page)
        rows, are_all = self._stored(raw, low=lowest, high=upper)
        equal = [
            (key, row)
            for stripe_id, key in keys.items()
            if key is not None and (row := rows.get(stripe_id)) is not None and row.key == key
        ]
        certain = {key[0] for key, row in equal if not is_suspect(key, row, self._terms)}
        drift = self._settler.unknown_terms(key for key, _row in equal)
        known = raw.keys() | progress.edge
        drift += self._missing(rows if are_all else None, known, low=lowest, high=upper)
        if drift:
            record(drift)
        suspects = {key: row for key, row in raw.items() if key not in certain}
        self._settler.add(suspects, interval=page.interval)
        self._advance(page, listed, compared=len(certain), unsettled=self._settler.ids)
        return raw

    def _settle(self, *, known: Iterable[str] = ()) -> None:
        self._progress.compared += self._settler.settle(known=known)
        self._progress.unsettled = []

    def _begin(self) -> None:
        """What waited when the window's last worker stopped comes first."""
        left = self._progress.unsettled
        if left:
            self._settler.read_left(left)
            self._settle(known=left)

    def _own(self) -> QuerySet[Subscription]:
        rows = Subscription.objects.filter(account=self._account)
        if self._options.customer_id:
            rows = rows.filter(customer__stripe_id=self._options.customer_id)
        return rows

    def _stored(
        self, raw: Mapping[str, Any], *, low: int, high: int
    ) -> tuple[dict[str, Row], bool]:
        """The rows of the page's range of time, with those of its ids that are elsewhere.

        Whether these are all of the range: where Stripe lists little, there may be too many.
        """
        rows, are_all = self._reader.read(low=low, high=high)
        elsewhere = [stripe_id for stripe_id in raw if stripe_id not in rows]
        if elsewhere:
            own = Subscription.objects.filter(account=self._account, stripe_id__in=elsewhere)
            rows |= read_rows(own, account=self._account, most=MOST_ROWS)
        return rows, are_all

    def _missing(
        self, rows: Mapping[str, Row] | None, listed: Set[str], *, low: int, high: int
    ) -> list[Drift]:
        """Live rows of the seconds that are now fully listed, and were not on any page.

        They are only suspected: `missing` fetches each when all windows are done. Stripe hides what
        hangs on a test clock from lists. `rows` is None where they are too many to have been read.
        """
        if rows is None:
            return self._missing_of_many(listed, low=low, high=high)
        return [
            unlisted(self._run, stripe_id, row.scalars[2], row.scalars[1])
            for stripe_id, row in rows.items()
            if low < row.scalars[4] <= high
            and stripe_id not in listed
            and row.scalars[2] not in ENDED_STATUSES
            and not row.scalars[15]
        ]

    def _missing_of_many(self, listed: Set[str], *, low: int, high: int) -> list[Drift]:
        rows = (
            self._own()
            .filter(
                stripe_created_at__gt=datetime.fromtimestamp(max(low, 0), UTC),
                stripe_created_at__lte=datetime.fromtimestamp(high, UTC),
                test_clock_id="",
            )
            .exclude(status__in=ENDED_STATUSES)
            .exclude(stripe_id__in=listed)
            .order_by("pk")
        )
        most = None if self._options.allow_empty else MOST_MISSING
        found = list(rows.values_list("stripe_id", "status", "customer__stripe_id")[:most])
        if len(found) == MOST_MISSING and not self._options.allow_empty:
            self._errors.append(
                f"{MOST_MISSING:,} subscriptions or more that are stored are missing from one page"
                " of Stripe's list: it is cut short, or the API key is another account's."
            )
        return [unlisted(self._run, *values) for values in found]
