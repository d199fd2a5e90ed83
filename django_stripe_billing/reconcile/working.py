"""Working through one window: page by page, compared both ways, recorded, repaired, remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.models import QuerySet

from ..exceptions import (
    BillingError,
    StripeError,
    StripeObjectMissingError,
    StripeUnavailableError,
)
from ..models import Drift, ReconcileRun, ReconcileWindow, Subscription
from ..rules.json_values import identifier, second
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import (
    Pace,
    Page,
    PagesAhead,
    counted_calls,
    paced,
    read_page,
    without_secrets,
)
from . import windows
from .comparing import (
    Terms,
    is_suspect,
    read_terms,
)
from .leases import LeasedPace, TakenOverError
from .options import Options
from .patience import Patience
from .reading import PageReader, Row, read_rows, remote_key
from .recording import record
from .repairing import Repairer
from .settling import Settler, unlisted

MOST_ROWS = 4_000
"""Rows that one query of a page reads: subscriptions times items."""

MOST_MISSING = 1_000
"""Subscriptions of one page's range that Stripe does not list, before the run gives up."""


Listener = Callable[[int], None]
"""Called with the number of subscriptions that were compared since the last call."""


class WindowWorker:
    """Compares the pages of one window; `work` returns when it is done, or raises.

    `tell(number)` is called after each page with the rows that were compared.
    """

    def __init__(
        self,
        run: ReconcileRun,
        window: ReconcileWindow,
        options: Options,
        *,
        owner: str,
        pace: Pace,
        tell: Callable[[int], None],
    ) -> None:
        self._run = run
        self._window = window
        self._options = options
        self._account = options.account
        self._owner = owner
        self._tell = tell
        self._patience = Patience(pace)
        self._progress = windows.progress_of(window)
        self._calls_before = self._progress.calls
        self._reader = PageReader(
            account=self._account, customer_id=options.customer_id, most=MOST_ROWS
        )
        self._second_of = {self._progress.cursor: self._progress.lowest}
        self._terms: Terms = read_terms(account=self._account)
        self._errors = self._progress.errors
        self._notes: Counter[str] = Counter(self._progress.notes)
        self._settler = Settler(
            run,
            options,
            terms=self._terms,
            patience=self._patience,
            repairer=Repairer(run, options, pace=pace),
            errors=self._errors,
            notes=self._notes,
        )

    @property
    def listed(self) -> int:
        return self._progress.listed

    def work(self) -> None:
        """Raises StripeError when Stripe does not answer, TakenOverError, or a database's error."""
        with counted_calls() as counter:
            try:
                self._go_on()
                is_continued = self._run.resumed or self._window.attempts > 1
                with PagesAhead(self._read, cursor=self._progress.cursor) as ahead:
                    for page in ahead:
                        raw = self._take(page)
                        if is_continued or not page.has_more or self._settler.is_due:
                            self._settle(known=raw.keys() if is_continued else ())
                        self._save(counter["calls"], is_done=not page.has_more)
                        self._tell(len(page.rows))
                        is_continued = False
            except (StripeError, DatabaseError, InterfaceError):
                self._save(counter["calls"], is_done=False)
                raise
            except KeyboardInterrupt:
                with suppress(BillingError, DatabaseError, InterfaceError):
                    self._save(counter["calls"], is_done=False)
                raise

    def _save(self, calls: int, *, is_done: bool) -> None:
        self._progress.calls = self._calls_before + calls
        self._progress.errors, self._progress.notes = self._errors, dict(self._notes)
        if not windows.save(self._window, self._progress, owner=self._owner, is_done=is_done):
            raise TakenOverError

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
        params: dict[str, Any] = {"status": "all"}
        created: dict[str, int] = {}
        if self._window.created_from:
            created["gte"] = self._window.created_from
        if self._options.customer_id:
            params["customer"] = self._options.customer_id  # on a test clock, even in the future
        else:
            if self._window.created_before < self._run.created_before:  # else whatever comes
                created["lt"] = self._window.created_before
        if before is not None:
            created["lt"] = before
        if created:
            params["created"] = created
        return self._patience(
            lambda: read_page("/v1/subscriptions", params, cursor=cursor, account=self._account)
        )

    # One page

    def _take(self, page: Page) -> Mapping[str, dict[str, Any]]:
        """Compare a page quickly: what seems to differ waits to be settled. Its rows, by id."""
        progress = self._progress
        listed = [row for row in page.rows if identifier(row) not in progress.edge]
        raw = {identifier(row): row for row in listed}
        keys = {stripe_id: remote_key(row) for stripe_id, row in raw.items()}
        upper = progress.lowest
        lowest = _last_second(page) if page.has_more else self._window.created_from - 1
        edge = {
            stripe_id
            for stripe_id, row in raw.items()
            if (second(row.get("created")) or 0) <= lowest
        }
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
        self._progress = replace(
            progress,
            cursor=page.cursor,
            lowest=lowest,
            edge=edge | (progress.edge if lowest >= upper else set()),
            unsettled=self._settler.ids,
            listed=progress.listed + len(listed),
            compared=progress.compared + len(certain),
        )
        return raw

    def _settle(self, *, known: Iterable[str] = ()) -> None:
        self._progress.compared += self._settler.settle(known=known)
        self._progress.unsettled = []

    def _go_on(self) -> None:
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


def _last_second(page: Page) -> int:
    """The second down to which a page that is not the last one knows the list."""
    moment = second(page.rows[-1].get("created"))
    if moment is None:
        raise StripeUnavailableError("Stripe's list does not say when its last row was created.")
    return moment


def work_windows(
    run: ReconcileRun,
    options: Options,
    *,
    pace: Pace,
    tell: Listener,
    owner: str,
) -> list[str]:
    """Claim windows one after the other and work through them; returns the errors."""
    errors: list[str] = []
    while window := windows.claim(run, owner=owner):
        leased = LeasedPace(pace, window, owner=owner)
        worker = WindowWorker(run, window, options, owner=owner, pace=leased, tell=tell)
        try:
            with paced(leased):
                worker.work()
        except TakenOverError:
            continue
        except (BillingError, DatabaseError, InterfaceError) as error:
            text = (
                f"Stopped after {worker.listed:,} subscriptions of a window:"
                f" {without_secrets(str(error))}"
            )
            windows.fail(window, text, owner=owner)
            errors.append(text)
    return errors
