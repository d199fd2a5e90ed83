"""The ordering rule for any mirrored row."""

from __future__ import annotations

from ..models.mirrored import MirroredModel
from ..rules.ordering import Interval, Verdict, join, judge


def judge_row(
    row: MirroredModel, interval: Interval, *, same_content: bool, revision: int | None = None
) -> tuple[Verdict, Interval]:
    """The verdict on a reading of a row's object, and the interval to store when it is NEWER.

    `revision` is the row's, noted before a fetch by id; None for a payload or a page.
    """
    if revision is not None and revision == row.revision:
        return Verdict.NEWER, join(row.observed, interval)
    return judge(stored=row.observed, new=interval, same_content=same_content), interval
