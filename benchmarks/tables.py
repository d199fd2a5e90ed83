"""The results as Markdown, to be pasted into docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable

import django

from .results import NAMES, PEER_RATIO, SHARES, Row, missed_goals

DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def machine() -> str:
    """One line about what the figures were measured on."""
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()},"
        f" Django {django.get_version()}."
    )


def reconcile_table(rows: Iterable[Row]) -> str:
    lines = [
        "| | database | subscriptions | a second | of the floor | goal | peak memory | calls |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    for row in rows:
        goal = f"{SHARES[row.what]:.2f}" if row.what in SHARES else ""
        calls = "" if row.calls is None else f"{row.calls:,}"
        lines.append(
            f"| {NAMES[row.what]} | {DATABASES[row.database]} | {row.number:,} | {row.rate:,.0f} |"
            f" {row.share:.2f} | {goal} | {row.megabytes:.0f} MB | {calls} |"
        )
    return "\n".join(lines)


def peers_table(rows: Iterable[Row]) -> str:
    """Rates, what a subscription costs, and how many times as fast the dry run is."""
    rows = list(rows)
    dry = {row.database: row.rate for row in rows if row.what == "dry"}
    lines = [
        "| | database | subscriptions | a second | calls for each | statements for each |"
        f" (b) is faster by; goal {PEER_RATIO} |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    for row in rows:
        ratio = f"{dry[row.database] / row.rate:,.0f}" if row.what.startswith("peer") else ""
        lines.append(
            f"| {NAMES[row.what]} | {DATABASES[row.database]} | {row.number:,} | {row.rate:,.0f} |"
            f" {_each(row.calls, row.number)} | {_each(row.statements, row.number)} | {ratio} |"
        )
    return "\n".join(lines)


def goals(rows: Iterable[Row]) -> str:
    missed = missed_goals(rows)
    if not missed:
        return "Every goal is met."
    return "\n".join(["Missed:", "", *(f"- {sentence}" for sentence in missed)])


def _each(total: int | None, number: int) -> str:
    return "" if total is None else f"{total / number:,.2f}"
