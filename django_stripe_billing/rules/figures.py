"""The figures of the dashboard as a value, and what a range of days says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

from .revenue import percent

VERSION = 1
"""Of the JSON: figures that were kept in another shape are computed anew."""

DAYS = 365
"""How far back figures go: today and the days before it, by UTC."""

LIVE = ("active", "past_due", "trialing")

Flows = dict[str, dict[str, list[int]]]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Some days in a row: one bar of a chart."""

    begins: date
    ends: date
    """The day after the last."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that the dashboard shows of one account, for any of its ranges."""

    today: date
    """The last day that they cover, in UTC; it is not over yet."""
    statuses: dict[str, int]
    """How many subscriptions run, by status."""
    ending: int
    """How many of the live ones are set to end."""
    flows: Flows
    """By subject and label, a number for each of the `DAYS`, the oldest first."""
    past_due: dict[str, tuple[int, int]]
    """By currency, how many invoices wait for how much, in minor units."""
    entitlements: list[dict[str, Any]]
    revenue: dict[str, int]
    """By currency, minor units a month."""
    unpriced: int
    """Units without a fixed price."""
    version: int = field(default=VERSION)

    @property
    def rows(self) -> int:
        """From how many rows they were counted, about: what a new count would cost."""
        money = {"paid"}
        flown = sum(
            sum(days)
            for subject, labels in self.flows.items()
            if subject not in money
            for days in labels.values()
        )
        held: int = sum(row["customers"] for row in self.entitlements)
        return sum(self.statuses.values()) + flown + held

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "today": self.today.isoformat()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Figures | None:
        """None for another shape than this version's."""
        if data.get("version") != VERSION:
            return None
        given = dict(data)
        given["today"] = date.fromisoformat(given["today"])
        given["past_due"] = {key: tuple(pair) for key, pair in given["past_due"].items()}
        return cls(**given)

    def total(self, subject: str, parts: list[Span]) -> int:
        """Over all labels, in the whole range."""
        return sum(
            sum(self.by_part(subject, label, parts)) for label in self.flows.get(subject, {})
        )

    def by_part(self, subject: str, label: str, parts: list[Span]) -> list[int]:
        """A number for each part of a range."""
        days = self.flows.get(subject, {}).get(label, [])
        first = self.today - timedelta(days=DAYS - 1)
        return [
            sum(days[max((part.begins - first).days, 0) : max((part.ends - first).days, 0)])
            for part in parts
        ]


def flows_of(rows: Iterable[tuple[str, str, date, int]], *, today: date) -> Flows:
    """Rows of (subject, label, day, number) as a number for each day; other days are left out."""
    first = today - timedelta(days=DAYS - 1)
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * DAYS))
    for subject, label, day, number in rows:
        index = (day - first).days
        if 0 <= index < DAYS:
            found[subject][label][index] += int(number)
    return {subject: dict(labels) for subject, labels in found.items()}


def spans(today: date, *, days: int) -> list[Span]:
    """Today and the days before it, in equal parts: days, weeks of six days, a year in 14."""
    length = {7: 1, 30: 1, 90: 6, 365: 28}.get(days, max(days // 30, 1))
    number = -(-days // length)
    after = today + timedelta(days=1)
    starts = [after - timedelta(days=length * (number - index)) for index in range(number)]
    first = after - timedelta(days=days)
    return [Span(begins=max(start, first), ends=start + timedelta(days=length)) for start in starts]


def subscriptions(figures: Figures, parts: list[Span]) -> dict[str, Any]:
    """How many run, began and ended, and what became of trials."""
    found: dict[str, Any] = {name: figures.statuses.get(name, 0) for name in LIVE}
    found["ending"] = figures.ending
    for name in ("began", "ended", "trials_begun", "trials_over", "trials_paid"):
        found[name] = figures.total(name, parts)
    # who ran at the start runs still, or has ended since; what began since did not
    found["at_start"] = sum(figures.statuses.values()) + found["ended"] - found["began"]
    found["churn"] = percent(found["ended"], found["at_start"])
    found["conversion"] = percent(found["trials_paid"], found["trials_over"])
    began, ended = (figures.by_part(name, "", parts) for name in ("began", "ended"))
    found["parts"] = [
        {"span": part, "began": one, "ended": other}
        for part, one, other in zip(parts, began, ended, strict=True)
    ]
    return found


def webhooks(figures: Figures, parts: list[Span]) -> dict[str, Any]:
    """What was received, and what became of it: the sum of each status, and the parts."""
    by_status = {
        status: figures.by_part("events", status, parts)
        for status in figures.flows.get("events", {})
    }
    bad = by_status.get("failed", [0] * len(parts))
    all_ = [sum(numbers) for numbers in zip(*by_status.values(), strict=True)] or [0] * len(parts)
    return {
        **{status: sum(numbers) for status, numbers in by_status.items()},
        "received": sum(all_),
        "parts": [
            {"span": part, "good": received - failed, "bad": failed}
            for part, received, failed in zip(parts, all_, bad, strict=True)
        ],
    }
