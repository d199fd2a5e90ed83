"""The ordering rule for any mirrored row."""

from __future__ import annotations

from ..models.mirrored import MirroredModel
from ..rules.ordering import Interval, Verdict, join, judge


def judge_row(
    row: MirroredModel, interval: Interval, *, same_content: bool, revision: int | None = None
) -> tuple[Verdict, Interval]:
    """The verdict on a reading of a row's object, and the interval to store when it is NEWER.

    `revision` is the row's, noted before a fetch by id; None for a payload or a page. What seems
    older and says something else is dropped only where both moments are of one clock, that of
    `event.created`: an answer's Date may be of another, and then a fetch decides.
    """
    if revision is not None and revision == row.revision:
        return Verdict.NEWER, join(row.observed, interval)
    verdict = judge(stored=row.observed, new=interval, same_content=same_content)
    is_one_clock = interval.low == interval.high and row.observed_low == row.observed_high
    if verdict is Verdict.STALE and revision is None and not (same_content or is_one_clock):
        return Verdict.AMBIGUOUS, interval
    return verdict, interval
