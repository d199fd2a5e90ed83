"""What the handlers of events have in common: what they answer, and what they ask Stripe for."""

from __future__ import annotations

from dataclasses import dataclass

from ..models import Event
from ..rules.events import EventSnapshot, Subject
from ..rules.ordering import NEVER, Interval, Verdict
from ..sync import Cause


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of an event."""

    status: str
    note: str = ""


PROCESSED = Result(status=Event.Status.PROCESSED)
STALE = Result(status=Event.Status.STALE, note="Something newer was known; nothing was changed.")
THIN = Result(
    status=Event.Status.IGNORED,
    note="A thin event names its object and does not hold it: give the endpoint snapshot payloads.",
)
NOT_ACCEPTED = Result(
    status=Event.Status.IGNORED,
    note='The connected account is none of STRIPE_BILLING["CONNECT_ACCOUNTS"].',
)
OTHER_MODE = Result(
    status=Event.Status.IGNORED,
    note="A test event: a live endpoint is told those of its connected accounts, too.",
)
UNREADABLE = Result(status=Event.Status.IGNORED, note="The object lacks its id; nothing to do.")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An object to fetch from Stripe by its id."""

    subject: Subject
    id: str


class NeedsFetch(Exception):
    """The payload can't be trusted to be newer or older than what is stored."""

    def __init__(self, wanted: Wanted, *, may_lack: bool = False) -> None:
        """`may_lack`: where Stripe does not know the object, the handler gets NOTHING."""
        super().__init__(f"{wanted.subject.value} {wanted.id}")
        self.wanted = wanted
        self.may_lack = may_lack


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A fetched object: Stripe's answer, and the revision noted before the request left."""

    data: dict[str, object]
    interval: Interval
    revision: int


NOTHING = Fetched(data={}, interval=NEVER, revision=-1)

Fetches = dict[Wanted, Fetched]


def fetched_or_none(event: EventSnapshot, wanted: Wanted, fetches: Fetches) -> Fetched | None:
    """The fetched object; None when the payload itself is to be judged."""
    fetched = fetches.get(wanted)
    if fetched is None and event.object_id and not event.has_known_shape:
        raise NeedsFetch(wanted)
    return fetched


def result(verdict: Verdict, wanted: Wanted) -> Result:
    """What a verdict makes of the event. Raises NeedsFetch where Stripe must be asked."""
    if verdict is Verdict.AMBIGUOUS:
        raise NeedsFetch(wanted)
    return STALE if verdict is Verdict.STALE else PROCESSED


def cause(event: EventSnapshot) -> Cause:
    return Cause(kind="event", id=event.id)
