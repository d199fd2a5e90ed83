"""`make bench-reconcile`: how fast reconcile_entitlements is, against the floor of reading at all.

    python -m benchmarks.reconcile [--numbers 10000 100000] [--databases sqlite postgres]

Prints docs/benchmarks.md's table. Every figure is of one run on this machine: compare the shares,
not the seconds. Exit code 1 when a run was wrong; never for a time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .processes import Bench
from .results import NAMES, Row, faults, row
from .tables import goals, machine, reconcile_table

CHANGED = "0.01"


class Measured:
    """Rows and faults as they come, each told to `listener` at once."""

    def __init__(self, listener: Callable[[Row], None]) -> None:
        self.rows: list[Row] = []
        self.faults: list[str] = []
        self._listener = listener
        self._floor: float | None = None

    def take(self, bench: Bench, what: str, number: int, *, api_base: str) -> None:
        self.take_result(
            bench.database, what, number, bench.measure(what, number, api_base=api_base)
        )

    def take_result(self, database: str, what: str, number: int, result: Mapping[str, Any]) -> None:
        self.faults += [f"{database}, {text}" for text in faults(what, number, result)]
        measured = row(what, database, result, floor=None if what == "floor" else self._floor)
        if what == "floor":
            self._floor = measured.rate
        self.rows.append(measured)
        self._listener(measured)


def bench_size(database: str, number: int, measured: Measured, *, is_largest: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(folder=Path(name), database=database)
        with bench.prepared():
            bench.measure("fill", number)
            with bench.server(number) as api_base:
                measured.take(bench, "floor", number, api_base=api_base)
                measured.take(bench, "dry", number, api_base=api_base)
                if find_spec("orjson"):
                    measured.take(bench, "dry_fast", number, api_base=api_base)
            if is_largest:
                return
            with bench.server(number, "--changed", CHANGED) as api_base:
                measured.take(bench, "apply", number, api_base=api_base)
            with bench.server(number) as api_base:
                measured.take(bench, "first", number, api_base=api_base)


def tell(row: Row) -> None:
    print(
        f"{row.database:9} {row.number:>9,} {NAMES[row.what]:40} {row.rate:>8,.0f}/s"
        f" {row.share:>7.3f} {row.megabytes:>6.0f} MB {row.calls or '':>7}",
        file=sys.stderr,
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--largest", type=int, default=1_000_000, help="0: leave it out")
    parser.add_argument("--databases", nargs="*", default=["sqlite", "postgres"])
    options = parser.parse_args()
    measured = Measured(tell)
    for database in options.databases:
        for number in options.numbers:
            bench_size(database, number, measured, is_largest=False)
        if options.largest:
            bench_size(database, options.largest, measured, is_largest=True)
    print(machine(), reconcile_table(measured.rows), goals(measured.rows), sep="\n\n")
    if measured.faults:
        sys.exit("\n".join(["", "Wrong:", *measured.faults]))


if __name__ == "__main__":
    main()
