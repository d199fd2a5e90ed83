"""What was measured, whether it is right, and which goals it misses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SHARES = {"dry": 0.6, "dry_fast": 0.6, "apply": 0.4, "first": 0.15}
"""Goals: the rate as a share of the floor's."""
PEER_RATIO = 50
"""Goal: a dry run is as many times as fast as dj-stripe's sync."""
MORE_MEGABYTES = 30
"""Goal: the largest dry run's peak, above that of the smallest."""
MORE_CALLS = 5
"""Calls of a dry run, above one for each page of a hundred."""
DRY = {"dry", "dry_fast"}
NAMES = {
    "floor": "(a) the floor: read and decode",
    "dry": "(b) dry run, no drift",
    "dry_fast": "(b) with orjson, the `fast` extra",
    "apply": "(c) `--apply`, 1 % drift",
    "first": "(d) first sync, empty database",
    "peer_first": "(e) dj-stripe, first sync",
    "peer_second": "(e) dj-stripe, again, nothing changed",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement."""

    what: str
    """A key of NAMES."""
    database: str
    number: int
    """Subscriptions at the page server."""
    rate: float
    """Subscriptions a second."""
    share: float
    """Of the floor's rate in the same run."""
    megabytes: float
    """Peak memory of the process."""
    calls: int | None = None
    statements: int | None = None
    """SQL statements; None where they were not counted."""


def row(what: str, database: str, result: Mapping[str, Any], *, floor: float | None = None) -> Row:
    """A measurement's answer as a row; `floor` is the floor's rate, None for the floor itself."""
    rate = result["subscriptions"] / result["seconds"]
    return Row(
        what=what,
        database=database,
        number=result["subscriptions"],
        rate=rate,
        share=rate / floor if floor else 1.0,
        megabytes=result["megabytes"],
        calls=result.get("calls"),
        statements=result.get("statements"),
    )


def faults(what: str, number: int, result: Mapping[str, Any]) -> list[str]:
    """What is wrong with a measurement of `number` subscriptions, however fast it was."""
    found = [f"error: {error}" for error in result.get("errors", [])]
    if result["subscriptions"] != number:
        found.append(f"{result['subscriptions']} of {number} were read")
    if "compared" in result and result["compared"] != number:
        found.append(f"{result['compared']} of {number} were compared")
    if what in DRY and result["drift"]:
        found.append(f"{result['drift']} differences where there is none")
    if what in DRY and result["calls"] > allowed_calls(number):
        found.append(f"{result['calls']} calls, {allowed_calls(number)} at most")
    if what == "apply" and result["drift"] < number // 100:
        found.append(f"{result['drift']} differences where {number // 100} subscriptions changed")
    if what in {"apply", "first"} and result["left"]:
        found.append(f"{result['left']} differences were left")
    return [f"{what}, {number:,}: {text}" for text in found]


def allowed_calls(number: int) -> int:
    return -(-number // 100) + MORE_CALLS


def missed_goals(rows: Iterable[Row]) -> list[str]:
    """A sentence for each goal of speed or memory that is missed."""
    rows = list(rows)
    missed = [
        f"{NAMES[row.what]}: {row.share:.2f} of the floor, goal {SHARES[row.what]}"
        f" ({row.database}, {row.number:,})"
        for row in rows
        if row.share < SHARES.get(row.what, 0.0)
    ]
    for database in dict.fromkeys(row.database for row in rows):
        dry = [row for row in rows if row.what == "dry" and row.database == database]
        dry.sort(key=lambda row: row.number)
        if dry and dry[-1].megabytes - dry[0].megabytes > MORE_MEGABYTES:
            missed.append(
                f"peak memory at {dry[-1].number:,} is"
                f" {dry[-1].megabytes - dry[0].megabytes:.0f} MB above that at"
                f" {dry[0].number:,}, goal {MORE_MEGABYTES} ({database})"
            )
        for peer in rows:
            is_peer = peer.what.startswith("peer") and peer.database == database
            if is_peer and dry and dry[-1].rate < PEER_RATIO * peer.rate:
                missed.append(
                    f"a dry run is {dry[-1].rate / peer.rate:.0f} times as fast as"
                    f" {NAMES[peer.what]}, goal {PEER_RATIO} ({database})"
                )
    return missed
