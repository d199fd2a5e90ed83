"""The visits to pages as a table, what is wrong with them, and which goals they miss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_TIMES = 3
"""Goal: a page's time in the largest database, as many times that in the smallest."""
DASHBOARD_QUERIES = 15
"""Goal: the dashboard has fewer."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One page in one database."""

    number: int
    """Subscriptions in the database."""
    name: str
    status: int
    wanted: int
    """The status that is right."""
    queries: int
    milliseconds: float
    """The median."""


def faults(sizes: Sequence[Sequence[Visit]]) -> list[str]:
    """What is wrong, however fast it was."""
    found = [
        f"{visit.name}, {visit.number:,}: status {visit.status}, not {visit.wanted}"
        for visits in sizes
        for visit in visits
        if visit.status != visit.wanted
    ]
    for same in _by_page(sizes):
        if len({visit.queries for visit in same}) > 1 and not _is_kept(same[0]):
            counts = " and ".join(f"{visit.queries} at {visit.number:,}" for visit in same)
            found.append(f"{same[0].name}: queries differ, {counts}")
        if len(same) != len(sizes):
            found.append(f"{same[0].name}: not there at every size")
    return found


def _is_kept(visit: Visit) -> bool:
    """Where figures are kept, they are not counted: there are fewer queries."""
    return visit.name.startswith("admin dashboard")


def missed_goals(sizes: Sequence[Sequence[Visit]]) -> list[str]:
    """A sentence for each goal that is missed."""
    missed = []
    for same in _by_page(sizes):
        small, large = same[0], same[-1]
        if large.milliseconds > MOST_TIMES * small.milliseconds:
            missed.append(
                f"- {large.name}: {large.milliseconds:.1f} ms at {large.number:,},"
                f" {large.milliseconds / small.milliseconds:.1f} times that at"
                f" {small.number:,}; goal {MOST_TIMES}"
            )
        most = max(visit.queries for visit in same)
        if _is_kept(large) and most >= DASHBOARD_QUERIES:
            missed.append(f"- {large.name}: {most} queries, goal fewer than {DASHBOARD_QUERIES}")
    return missed


def table(sizes: Sequence[Sequence[Visit]]) -> str:
    """A row for each page: queries and milliseconds at each size, and how many times as long."""
    numbers = [visits[0].number for visits in sizes]
    head = " | ".join(f"queries at {n:,} | ms at {n:,}" for n in numbers)
    lines = [f"| | {head} | times |", "| --- |" + " --: | --: |" * len(numbers) + " --: |"]
    for same in _by_page(sizes):
        cells = " | ".join(f"{visit.queries} | {visit.milliseconds:.1f}" for visit in same)
        times = same[-1].milliseconds / same[0].milliseconds
        mark = "" if times <= MOST_TIMES else " missed"
        name = same[0].name.replace("|", "\\|")
        lines.append(f"| `{name}` | {cells} | {times:.1f}{mark} |")
    return "\n".join(lines)


def _by_page(sizes: Sequence[Sequence[Visit]]) -> Iterator[list[Visit]]:
    """The visits to each page, the smallest database first."""
    found: dict[str, list[Visit]] = {}
    for visits in sizes:
        for visit in visits:
            found.setdefault(visit.name, []).append(visit)
    yield from found.values()
