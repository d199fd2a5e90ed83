"""`make bench-pages`: queries and milliseconds of every page, at two sizes of the database.

    python -m benchmarks.pages [--numbers 1000 1000000] [--repeat 5]

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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .page_results import Visit, faults, missed_goals, table
from .processes import Bench
from .tables import machine


@contextmanager
def filled(number: int) -> Iterator[Bench]:
    """A database of so many subscriptions meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(
            folder=Path(name),
            database="postgres",
            settings="benchmarks.page_settings",
            suffix=f"_{number}",
        )
        with bench.prepared():
            started = time.monotonic()
            bench.run("-m", "benchmarks.page_rows", str(number))
            tell(f"{number:,} subscriptions stored in {time.monotonic() - started:.0f} s")
            tell(f"refresh_dashboard: {' '.join(bench.run('-m', 'django', 'refresh_dashboard'))}")
            yield bench


def visits(numbers: Sequence[int], repeat: int) -> list[list[Visit]]:
    """Those of each size, page by page in turn: whatever else the machine does slows all sizes."""
    found: list[list[Visit]] = [[] for _ in numbers]
    with ExitStack() as stack:
        benches = [stack.enter_context(filled(number)) for number in numbers]
        asks = [
            stack.enter_context(bench.answering("-m", "benchmarks.page_visits", str(repeat)))
            for bench in benches
        ]
        while lines := [line for line in (ask() for ask in asks) if line]:
            if len(lines) < len(asks):
                sys.exit("The sizes do not have the same pages.")
            for size, number, line in zip(found, numbers, lines, strict=True):
                size.append(Visit(number=number, **json.loads(line)))
    return found


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--numbers", nargs="+", type=int, default=[1_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    sizes = visits(options.numbers, options.repeat)
    print(machine(), table(sizes), sep="\n\n")
    missed = missed_goals(sizes)
    print("\n" + "\n".join(["Missed:", "", *missed] if missed else ["Every goal is met."]))
    if wrong := faults(sizes):
        sys.exit("\n".join(["", "Wrong:", *wrong]))


if __name__ == "__main__":
    main()
