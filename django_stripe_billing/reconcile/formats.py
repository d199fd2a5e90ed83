"""A report as text: a table for people, JSON and CSV for programs, one HTML page for both."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..conf import STRIPE_API_BASE, settings
from ..models import Drift
from ..money import formatted
from ..rules.drift_kinds import MEANINGS, Kind
from .report import Report, drift_data

MOST_ROWS = 200
"""Rows of the table for people; the other formats hold everything."""

PLAIN_WIDTH = 110
"""Characters of a line where the output is no terminal."""

COLUMNS = (
    "kind",
    "object",
    "subject",
    "customer",
    "subscriber",
    "here",
    "stripe",
    "amount",
    "currency",
    "state",
    "error",
)


def write_json(report: Report, out: TextIO) -> None:
    """One object, as docs/reconcile.schema.json describes it; written row by row."""
    head = json.dumps(report.head(), indent=2)
    out.write(f'{head[:-2]},\n  "drift": [')
    separator = "\n    "
    for entry in report.each_drift():
        out.write(separator + json.dumps(drift_data(entry)))
        separator = ",\n    "
    out.write("\n  ]\n}\n" if separator != "\n    " else "]\n}\n")


def write_csv(report: Report, out: TextIO) -> None:
    """One line for each difference, under a line of names."""
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for entry in report.each_drift():
        writer.writerow({key: inert(value) for key, value in drift_data(entry).items()})


def write_html(report: Report, out: TextIO) -> None:
    """One self-contained page: no script, no font, no image from anywhere else."""
    by_kind: dict[str, dict[str, Any]] = {}
    for entry in report.each_drift():
        totals = by_kind.setdefault(entry.kind, _kind_totals(entry))
        totals["number"] += 1
        totals["left"] += entry.is_left
        if entry.amount:
            money = totals["money"]
            money[entry.currency] = money.get(entry.currency, 0) + entry.amount
    for totals in by_kind.values():
        totals["money"] = [formatted(amount, code) for code, amount in totals["money"].items()]
    context = {
        "run": report.run,
        "report": report,
        "kinds": sorted(by_kind.values(), key=lambda totals: (-totals["left"], totals["kind"])),
        "rows": (_linked(entry) for entry in report.each_drift()),
    }
    out.write(render_to_string("stripe_billing/reconcile_report.html", context))


def write_table(report: Report, out: TextIO, *, width: int | None = None) -> None:
    """For people: what differs, what to do, and the summary as the last line."""
    if width is None and not out.isatty():
        width = PLAIN_WIDTH
    console = Console(file=out, width=width, highlight=False)
    if report.run.drift_found:
        console.print(_table(report))
        hidden = report.run.drift_found - MOST_ROWS
        if hidden > 0:
            console.print(f"… and {hidden:,} more: --format csv, json or html shows all of them.")
    for note in report.notes:
        console.print(f"note: {_shown(note)}")
    for error in report.errors:
        console.print(f"[bold red]error:[/] {_shown(error)}")
    for line in advice(report):
        console.print(escape(line))
    console.print(report.summary)


def advice(report: Report) -> Iterator[str]:
    """What to do next."""
    if report.run.drift_left and not report.run.is_applying:
        yield "Run it again with --apply to repair what can be repaired."
    if not report.run.is_complete:
        yield "Incomplete: --resume goes on where it stopped."


def _table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, leading=1)
    table.add_column("Drift", overflow="fold")
    table.add_column("Here", overflow="fold", ratio=1)
    table.add_column("At Stripe", overflow="fold", ratio=1)
    table.add_column("A month", justify="right")
    table.add_column("State", overflow="fold", max_width=24)
    for number, entry in enumerate(report.each_drift()):
        if number == MOST_ROWS:
            break
        what = (entry.kind, entry.object_id, entry.customer_id, entry.subscriber)
        at_stake = "" if entry.amount is None else formatted(entry.amount, entry.currency)
        state = entry.state if not entry.error else f"{entry.state}: {entry.error}"
        named = "\n".join(_shown(part) for part in what if part)
        cells = (entry.here, entry.stripe, at_stake, state)
        table.add_row(named, *(_shown(cell) for cell in cells))
    return table


def _shown(text: str) -> str:
    """Text of Stripe's or of payers for a terminal: no markup, and nothing that controls it."""
    return escape("".join(sign if sign.isprintable() else "�" for sign in text))


def _kind_totals(entry: Drift) -> dict[str, Any]:
    meaning = MEANINGS[Kind(entry.kind)]
    return {
        "kind": entry.kind,
        "sentence": meaning.sentence,
        "what": meaning.repair or meaning.advice,
        "number": 0,
        "left": 0,
        "money": {},
    }


def _linked(entry: Drift) -> dict[str, Any]:
    """A row of the page, with its places in the admin and at Stripe."""
    try:
        admin_url = reverse("admin:stripe_billing_drift_change", args=[entry.pk])
    except NoReverseMatch:
        admin_url = ""
    return {
        "entry": entry,
        "amount": None if entry.amount is None else formatted(entry.amount, entry.currency),
        "admin_url": admin_url,
        "stripe_url": stripe_url(entry),
    }


FOLDERS = {
    "sub_": "subscriptions",
    "cus_": "customers",
    "prod_": "products",
    "price_": "prices",
    "evt_": "events",
    "in_": "invoices",
}


def stripe_url(entry: Drift) -> str:
    """Where Stripe's Dashboard shows the object; '' where it has none, as for a sandbox."""
    prefix = entry.object_id.partition("_")[0] + "_"
    if settings.api_base != STRIPE_API_BASE or prefix not in FOLDERS:
        return ""
    parts = [
        "https://dashboard.stripe.com",
        entry.run.account,
        "" if entry.run.livemode else "test",
        FOLDERS[prefix],
        entry.object_id,
    ]
    return "/".join(part for part in parts if part)


def inert(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return value


Write = Callable[[Report, TextIO], None]

WRITERS: dict[str, Write] = {
    "table": write_table,
    "json": write_json,
    "csv": write_csv,
    "html": write_html,
}
