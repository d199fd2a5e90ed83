"""The ordering rule for any mirrored row."""

from __future__ import annotations

import time

from ..models.mirrored import MirroredModel
from ..rules.ordering import NEVER, Interval, Verdict, is_ahead, is_behind, join, judge


def judge_row(
    row: MirroredModel, interval: Interval, *, same_content: bool, revision: int | None = None
) -> tuple[Verdict, Interval]:
    """The verdict on a reading of a row's object, and the interval to store when it is NEWER.

    `revision` is the row's, noted before a fetch by id; None for a payload or a page. Of an event
    and an answer that seem to be of two clocks, `event.created` and the answers' Date, none is
    believed to be the newer: a fetch decides.
    """
    stored = row.observed
    if revision is not None and revision == row.revision:
        # Joined with what is ahead of it, it would seem older than events that it contains.
        return Verdict.NEWER, interval if is_behind(interval, stored) else join(stored, interval)
    verdict = judge(stored=stored, new=interval, same_content=same_content)
    if verdict is Verdict.STALE and not same_content:
        is_doubtful = is_behind(interval, stored) if revision is not None else True
        if is_doubtful and not (_is_event(interval) and _is_event(stored)):
            return Verdict.AMBIGUOUS, interval
    if verdict is Verdict.NEWER and _is_newer_by_another_clock(interval, stored, revision=revision):
        return (Verdict.SAME if same_content else Verdict.AMBIGUOUS), interval
    return verdict, interval


def _is_event(interval: Interval) -> bool:
    return interval.low == interval.high


def _is_newer_by_another_clock(
    interval: Interval, stored: Interval, *, revision: int | None
) -> bool:
    """An event that is ahead of all answers, or an answer overtaken by an event that seems old."""
    if revision is not None:
        return stored != NEVER and _is_event(stored) and is_behind(stored, interval)
    now = int(time.time())
    is_answer_stored = not _is_event(stored)
    is_new_ahead = _is_event(interval) and is_ahead(interval, now=now)
    return is_new_ahead and is_answer_stored and not is_ahead(stored, now=now)
