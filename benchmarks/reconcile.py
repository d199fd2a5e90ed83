"""`make bench-reconcile`: how fast reconcile_entitlements is, against the floor of reading at all.

    python -m benchmarks.reconcile [--numbers 10000 100000] [--databases sqlite postgres]

Every figure is of one run on this machine: compare the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GOALS = {"dry": 0.6, "apply": 0.4, "first": 0.15}
NAMES = {
    "floor": "a: read and decode every page",
    "dry": "b: dry run, no drift",
    "apply": "c: --apply, 1 % drift",
    "first": "d: first sync into an empty database",
}


class Bench:
    def __init__(self, folder: Path, database: str) -> None:
        self.environment = {
            **os.environ,
            "BENCHMARK_FOLDER": str(folder),
            "BENCHMARK_DATABASE": database,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        }
        self.folder = folder
        self.database = database

    def prepare(self) -> None:
        if self.database == "postgres":
            import psycopg

            user = os.environ.get("TEST_POSTGRES_USER", "postgres")
            with psycopg.connect(
                host="127.0.0.1", user=user, dbname="postgres", autocommit=True
            ) as server:
                server.execute("DROP DATABASE IF EXISTS stripe_billing_benchmark")
                server.execute("CREATE DATABASE stripe_billing_benchmark")
        self._python("-m", "django", "migrate", "--verbosity", "0")

    def measure(self, what: str, number: int, *, api_base: str = "") -> dict[str, Any]:
        text = self._python(
            "-m", "benchmarks.measurements", what, str(number), BENCHMARK_API_BASE=api_base
        )
        result: dict[str, Any] = json.loads(text.splitlines()[-1])
        return result

    @contextmanager
    def server(self, number: int, *, changed: float = 0.0) -> Iterator[str]:
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.page_server", "--port-file", str(port_file)]
        command += ["--subscriptions", str(number), "--changed", str(changed)]
        process = subprocess.Popen(command, env=self.environment)
        try:
            while not (port_file.exists() and port_file.read_text()):
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port_file.read_text()}"
        finally:
            process.terminate()
            process.wait()

    def _python(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**self.environment, **environment},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout


def bench(database: str, number: int, *, is_largest: bool) -> list[dict[str, Any]]:
    rows = []

    def note(what: str, result: dict[str, Any], floor: float) -> None:
        assert not result.get("errors"), result
        rate = result["subscriptions"] / result["seconds"]
        rows.append({"what": what, "database": database, "number": number, "rate": rate, **result})
        share = rate / floor if floor else 1.0
        rows[-1]["share"] = share
        print(
            f"{database:9} {number:>9,} {NAMES[what]:40} {rate:>8,.0f}/s {share:>6.2f}"
            f" {result['megabytes']:>6.0f} MB {result.get('calls', ''):>7}",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as name:
        this = Bench(Path(name), database)
        this.prepare()
        this.measure("fill", number)
        with this.server(number) as api_base:
            result = this.measure("floor", number, api_base=api_base)
            floor = result["subscriptions"] / result["seconds"]
            note("floor", result, floor)
            note("dry", this.measure("dry", number, api_base=api_base), floor)
        if is_largest:
            return rows
        with this.server(number, changed=0.01) as api_base:
            result = this.measure("apply", number, api_base=api_base)
            assert result["left"] == 0 and result["drift"] >= number // 100, result
            note("apply", result, floor)
        with this.server(number) as api_base:
            note("first", this.measure("first", number, api_base=api_base), floor)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--largest", type=int, default=1_000_000, help="0: leave it out")
    parser.add_argument("--databases", nargs="*", default=["sqlite", "postgres"])
    options = parser.parse_args()
    rows = []
    for database in options.databases:
        for number in options.numbers:
            rows += bench(database, number, is_largest=False)
        if options.largest:
            rows += bench(database, options.largest, is_largest=True)
    missed = [row for row in rows if row["share"] < GOALS.get(row["what"], 0.0)]
    for row in missed:
        goal = GOALS[row["what"]]
        print(f"under its goal of {goal}: {row['what']}, {row['database']}, {row['number']:,}")


if __name__ == "__main__":
    main()
