"""`make bench-peers`: dj-stripe's own sync of subscriptions, against our first sync and dry run.

    python -m benchmarks.peers [--number 10000] [--peer-number 500] [--databases sqlite postgres]

Makes `.bench-venv` for dj-stripe, once. Exit code 2 where Stripe's example objects, which the page
server answers dj-stripe's calls with, are absent; 1 when a run was wrong; never for a time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from .objects import FIXTURES
from .processes import ROOT, Bench
from .reconcile import Measured, tell
from .tables import goals, machine, peers_table

FOLDER = ROOT / ".bench-venv"
REQUIREMENTS = ["dj-stripe==2.11.0", "stripe==15.6.2", "django~=5.2.0", "psycopg[binary]==3.3.9"]


def environment() -> str:
    """The Python that has dj-stripe."""
    python, installed = FOLDER / "bin" / "python", FOLDER / ".installed"
    wanted = "\n".join(REQUIREMENTS)
    if not installed.exists() or installed.read_text() != wanted:
        print("Installing dj-stripe into .bench-venv …", file=sys.stderr, flush=True)
        venv.create(FOLDER, with_pip=True, clear=True)
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([python, *pip, *REQUIREMENTS], check=True)
        installed.write_text(wanted)
    return str(python)


def bench_ours(database: str, number: int, measured: Measured) -> None:
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(folder=Path(name), database=database)
        with bench.prepared(), bench.server(number) as api_base:
            measured.take(bench, "floor", number, api_base=api_base)
            measured.take(bench, "first", number, api_base=api_base)
            bench.measure("fill", number)
            measured.take(bench, "dry", number, api_base=api_base)


def bench_peer(database: str, number: int, measured: Measured) -> None:
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(
            folder=Path(name),
            database=database,
            settings="benchmarks.djstripe_peer.settings",
            python=environment(),
        )
        with bench.prepared(), bench.server(number, "--objects") as api_base:
            lines = bench.run("-m", "benchmarks.djstripe_peer.sync", api_base=api_base)
    for what, line in zip(("peer_first", "peer_second"), lines, strict=True):
        measured.take_result(database, what, number, json.loads(line))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--peer-number", type=int, default=500)
    parser.add_argument("--databases", nargs="*", default=["sqlite", "postgres"])
    options = parser.parse_args()
    if not FIXTURES.exists():
        print(f"Stripe's example objects are absent: {FIXTURES}", file=sys.stderr)
        sys.exit(2)
    measured = Measured(tell)
    for database in options.databases:
        bench_ours(database, options.number, measured)
        bench_peer(database, options.peer_number, measured)
    print(machine(), peers_table(measured.rows), goals(measured.rows), sep="\n\n")
    if measured.faults:
        sys.exit("\n".join(["", "Wrong:", *measured.faults]))


if __name__ == "__main__":
    main()
