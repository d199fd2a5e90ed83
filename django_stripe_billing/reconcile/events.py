"""Events that never arrived, or failed here: asked for at Stripe, and processed as if they came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from heapq import merge
from operator import itemgetter
from typing import Any

from ..exceptions import ChangesRefusedError
from ..models import Drift, Event, ReconcileRun
from ..models.mirrored import to_datetime
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.events import SUBJECTS, EventSnapshot, parse_event
from ..rules.json_values import second
from ..stripe_api import Pace, Page, read_page
from ..webhooks import handled_types, receive
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, mark, record
from .repairing import Repairer
from .sweeps import told

KEPT = int(timedelta(days=30).total_seconds())
"""How long Stripe lists events, in seconds. https://docs.stripe.com/api/events/list"""

ON_ITS_WAY = 300
"""Seconds in which an event may still arrive by itself."""

OVERLAP = 3600
"""Seconds before the last complete run began that are looked through again."""

MOST_TYPES = 20
"""That one list may be of."""

KINDS = (Kind.EVENT_MISSED, Kind.EVENT_FAILED)
NEVER = "never arrived"


def as_of(account: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """An event of an account's list as its webhook tells it: the list decides whose it is."""
    return {**event, "account": account} if account else dict(event)


def _is_on_its_way(created: int | None, page: Page) -> bool:
    """Created within a few minutes of the page's Date. What is further ahead of that is of another
    clock, which does not say how old it is: it is taken, since taking it twice does no harm."""
    return created is not None and abs(created - page.interval.high) <= ON_ITS_WAY


class MissedEvents:
    """Compares Stripe's events with those that are stored, and receives what is missing.

    Stripe lists the newest first, and knows no other order without an event to begin at. So a list
    is walked once to record what is missing, and the pages that hold some of it are read again,
    oldest first through all lists, to process that.
    """

    def __init__(self, run: ReconcileRun, options: Options, *, pace: Pace) -> None:
        self._run = run
        self._options = options
        self._patience = Patience(pace)
        self._repairer = Repairer(run, options, pace=pace)
        self._kinds = [kind for kind in KINDS if options.wants(kind)]

    def look(self) -> None:
        """Record what was missed, and process it where the run repairs.

        Raises StripeError when Stripe does not answer. An event that fails stops no other.
        """
        if Kind.EVENT_MISSED not in self._kinds:
            return
        created = {"gte": self._since()}
        types = sorted({*SUBJECTS, *handled_types(is_connected=bool(self._run.account))})
        lists: list[dict[str, Any]] = [
            {"types": types[start : start + MOST_TYPES], "created": dict(created)}
            for start in range(0, len(types), MOST_TYPES)
        ]
        behind = [self._walk(params) for params in lists]
        if self._run.is_applying:
            again = map(self._oldest_first, lists, behind)
            for _created, row, entry in merge(*again, key=itemgetter(0)):
                beat(self._run)
                self._receive(row, entry)
        self._forget_repaired()

    def _since(self) -> int:
        """The second of Stripe's clock from which on events are asked for; notes what is older."""
        oldest = self._run.created_before - KEPT
        begun = self._last_complete()
        if begun is not None and begun >= oldest:
            return max(begun - OVERLAP, oldest)
        since = "ever" if begun is None else f"{to_datetime(begun):%Y-%m-%d}"
        note = (
            f"Stripe keeps events for 30 days, and none were asked for since {since}: those before"
            f" {to_datetime(oldest):%Y-%m-%d} are gone. The comparison of the state needs none."
        )
        self._run.notes = {**self._run.notes, note: 1}
        self._run.save(update_fields=["notes"])
        return oldest

    def _last_complete(self) -> int | None:
        """When the last run began that processed all that was missing until then."""
        runs = ReconcileRun.objects.filter(
            account=self._run.account,
            state=ReconcileRun.State.COMPLETE,
            is_applying=True,
            pk__lt=self._run.pk,
        ).order_by("-pk")
        for run in runs.iterator(100):
            options = Options.from_json(run.options)
            if options.events and not options.customer_id and options.wants(Kind.EVENT_MISSED):
                return run.created_before
        return None

    def _walk(self, params: dict[str, Any]) -> list[str]:
        """Record what a list shows to be missing; returns the cursors before such pages.

        There is no bound until the newest is known: events may be ahead of the answers' Date. From
        then on `params` has it, so that the pages are the same when they are read again.
        """
        behind: list[str] = []
        cursor, has_more = "", True
        while has_more:
            page = self._read(params, cursor)
            if page.rows and not cursor:
                params["created"]["lt"] = (second(page.rows[0].get("created")) or 0) + 1
            if self._record(page):
                behind.append(cursor)
            cursor, has_more = page.cursor, page.has_more
        return behind

    def _read(self, params: dict[str, Any], cursor: str) -> Page:
        beat(self._run)
        account = self._options.account
        return self._patience(
            lambda: read_page("/v1/events", params, cursor=cursor, account=account)
        )

    def _missed(self, page: Page) -> Iterator[tuple[EventSnapshot, dict[str, Any], Event | None]]:
        """The page's events that are not settled here, newest first; one query."""
        account = self._options.account
        found = [(parse_event(as_of(account, row)), row) for row in page.rows]
        ids = [snapshot.id for snapshot, _row in found if snapshot is not None]
        stored = {
            event.stripe_id: event
            for event in Event.objects.filter(account=account, stripe_id__in=ids).defer("payload")
        }
        for snapshot, row in found:
            if snapshot is None or snapshot.account != account:
                continue
            if _is_on_its_way(snapshot.created, page):
                continue
            if self._options.customer_id not in {"", snapshot.customer_id}:
                continue
            event = stored.get(snapshot.id)
            if event is None or event.status == Event.Status.FAILED:
                yield snapshot, row, event

    def _record(self, page: Page) -> bool:
        """Record what the page shows to be missing; whether that is anything."""
        drift = [
            drift_row(
                self._run,
                Difference(
                    kind=Kind.EVENT_MISSED if event is None else Kind.EVENT_FAILED,
                    here=NEVER if event is None else event.error or event.status,
                    stripe=told(snapshot.type, to_datetime(snapshot.created)),
                ),
                object_id=snapshot.id,
                customer_id=snapshot.customer_id,
            )
            for snapshot, _row, event in self._missed(page)
            if event is None or Kind.EVENT_FAILED in self._kinds
        ]
        return bool(record(drift))

    def _oldest_first(
        self, params: dict[str, Any], cursors: Sequence[str]
    ) -> Iterator[tuple[int, dict[str, Any], Drift]]:
        """What was recorded of a list, with the seconds of its creation; its pages anew."""
        for cursor in reversed(cursors):
            missed = {
                snapshot.id: (snapshot.created, row)
                for snapshot, row, _event in self._missed(self._read(params, cursor))
            }
            rows = Drift.objects.filter(run=self._run, kind__in=self._kinds, object_id__in=missed)
            entries = {entry.object_id: entry for entry in rows}
            for event_id, (created, row) in reversed(missed.items()):
                if event_id in entries:
                    yield created or 0, row, entries[event_id]

    def _receive(self, row: dict[str, Any], entry: Drift) -> None:
        payload = as_of(self._options.account, row)
        try:
            self._patience(partial(receive, payload, allow=self._repairer.allowing()))
        except ChangesRefusedError as refusal:
            mark([entry], Drift.State.FOUND, error=str(refusal))
        except Exception as error:  # a handler of the project's may raise anything
            mark([entry], Drift.State.FAILED, error=f"{type(error).__name__}: {error}")
        else:
            mark([entry], Drift.State.REPAIRED)

    def _forget_repaired(self) -> None:
        """What a resumed run does not find again was processed before it broke off."""
        if self._run.is_applying and self._run.resumed:
            left = Drift.objects.filter(
                run=self._run, kind__in=self._kinds, state=Drift.State.FOUND, error=""
            )
            mark(list(left), Drift.State.REPAIRED)
