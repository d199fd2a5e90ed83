"""`make bench-pages`: queries and milliseconds of every page, at two sizes of the database.

    python -m benchmarks.pages [--numbers 1000 1000000] [--repeat 7]

On PostgreSQL. Prints docs/benchmarks.md's table, and the goals that are missed. Exit code 1 when a
page was wrong: another status, or another number of queries than at the other size; never for a
time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from .page_results import Visit, faults, missed_goals, table
from .processes import Bench
from .tables import machine


def visits(number: int, repeat: int) -> list[Visit]:
    """Those of a database of so many subscriptions, which is made for it and dropped."""
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(folder=Path(name), database="postgres", settings="benchmarks.page_settings")
        with bench.prepared():
            started = time.monotonic()
            bench.run("-m", "benchmarks.page_rows", str(number))
            tell(f"{number:,} subscriptions stored in {time.monotonic() - started:.0f} s")
            started = time.monotonic()
            lines = bench.run("-m", "django", "refresh_dashboard")
            tell(f"refresh_dashboard: {' '.join(lines)}")
            lines = bench.run("-m", "benchmarks.page_visits", str(repeat))
            tell(f"visited in {time.monotonic() - started:.0f} s")
    return [Visit(number=number, **json.loads(line)) for line in lines]


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--numbers", nargs="+", type=int, default=[1_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    sizes = [visits(number, options.repeat) for number in options.numbers]
    print(machine(), table(sizes), sep="\n\n")
    missed = missed_goals(sizes)
    print("\n" + "\n".join(["Missed:", "", *missed] if missed else ["Every goal is met."]))
    if wrong := faults(sizes):
        sys.exit("\n".join(["", "Wrong:", *wrong]))


if __name__ == "__main__":
    main()
