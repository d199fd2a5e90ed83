"""The ordering rule: which of two readings of one Stripe object is the newer.

Stripe promises neither the order nor the uniqueness of events, and their `created` has a resolution
of one second. A reading therefore carries the interval in which it was taken, and two readings are
compared by their intervals alone.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A reading contains every change made before `low` and none made after `high`."""

    low: int
    """Whole seconds of Stripe's clock."""
    high: int
    """Whole seconds of Stripe's clock."""


NEVER = Interval(low=-1, high=-1)
"""The interval of a row that no reading has filled yet."""


LEEWAY = 300
"""Seconds by which two moments of one clock may seem to be in the wrong order."""


class Verdict(enum.Enum):
    """What to do with a reading."""

    NEWER = "newer"
    """Apply it."""
    STALE = "stale"
    """Drop it."""
    SAME = "same"
    """Nothing to do."""
    AMBIGUOUS = "ambiguous"
    """Fetch the object by its id."""


def of_event(created: int) -> Interval:
    """The interval of an event's payload; `created` in whole seconds of Stripe's clock."""
    return Interval(low=created, high=created)


def of_answer(*, date: int, elapsed: float) -> Interval:
    """The interval of an API answer.

    `date` is the answer's Date header in Unix seconds, `elapsed` the measured seconds from before
    the request left until the answer was there, retries included. The local clock has no part.
    """
    return Interval(low=math.floor(date - elapsed) - 1, high=date + 1)


def judge(*, stored: Interval, new: Interval, same_content: bool) -> Verdict:
    """Compare a new reading with the stored one."""
    if new.low > stored.high:
        return Verdict.NEWER
    if new.high < stored.low:
        return Verdict.STALE
    return Verdict.SAME if same_content else Verdict.AMBIGUOUS


def is_ahead(interval: Interval, *, now: int) -> bool:
    """Whether it is of a clock that is ahead of a server's `now`, or that server's clock is wrong.

    Only a reason to ask: it never decides which of two readings is stored.
    """
    return interval.high > now + LEEWAY


def is_behind(interval: Interval, other: Interval) -> bool:
    """Whether it is so much earlier that no clock which made both would have it so, if it was
    taken later."""
    return interval.high + LEEWAY < other.low


def join(stored: Interval, new: Interval) -> Interval:
    """The interval of a fetched answer that contains everything stored."""
    return Interval(low=max(stored.low, new.low), high=max(stored.high, new.high))
