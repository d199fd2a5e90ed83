"""Databases, page servers and measurements, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
START_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A Python, a kind of database, and a folder for what they write."""

    folder: Path
    database: str
    """`sqlite` or `postgres`."""
    settings: str = "benchmarks.settings"
    python: str = sys.executable
    suffix: str = ""
    """Of the database's name, where a process needs two."""

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """A new database meanwhile, with the tables of the project that `settings` names."""
        if self.database == "postgres":
            self._on_server(f"CREATE DATABASE {self._database_name}")
        try:
            self.run("-m", "django", "migrate", "--verbosity", "0", "--skip-checks")
            yield
        finally:
            if self.database == "postgres":
                self._on_server(f"DROP DATABASE {self._database_name} WITH (FORCE)")

    def measure(self, what: str, number: int, *, api_base: str = "") -> dict[str, Any]:
        """One of `benchmarks.measurements`."""
        lines = self.run("-m", "benchmarks.measurements", what, str(number), api_base=api_base)
        result: dict[str, Any] = json.loads(lines[-1])
        return result

    def run(self, *arguments: str, api_base: str = "") -> list[str]:
        """The lines that Python printed. Ends the benchmark where it fails."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=ROOT,
            env={**self._environment, "BENCHMARK_API_BASE": api_base},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.splitlines()

    @contextmanager
    def answering(self, *arguments: str) -> Iterator[Callable[[], str]]:
        """A Python that prints a line for each line it reads; calling it asks for the next.

        '' when it has ended.
        """
        process = subprocess.Popen(
            [self.python, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def ask() -> str:
            try:
                asked.write("\n")
                asked.flush()
            except BrokenPipeError:
                return ""
            return answers.readline()

        try:
            yield ask
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def server(self, number: int, *options: str) -> Iterator[str]:
        """The address of a page server that runs meanwhile."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.page_server", "--port-file", str(port_file)]
        command += ["--subscriptions", str(number), *options]
        process = subprocess.Popen(command, cwd=ROOT, env=self._environment)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (port_file.exists() and port_file.read_text()):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("The page server does not start.")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port_file.read_text()}"
        finally:
            process.terminate()
            process.wait()

    def _on_server(self, statement: str) -> None:
        import psycopg

        user = os.environ.get("TEST_POSTGRES_USER", "postgres")
        password = os.environ.get("TEST_POSTGRES_PASSWORD", "")
        with psycopg.connect(
            host="127.0.0.1", user=user, password=password, dbname="postgres", autocommit=True
        ) as server:
            server.execute(statement)

    @property
    def _database_name(self) -> str:
        """On PostgreSQL: this process's own, one after the other."""
        return f"stripe_billing_benchmark_{os.getpid()}{self.suffix}"

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "BENCHMARK_FOLDER": str(self.folder),
            "BENCHMARK_DATABASE": self.database,
            "BENCHMARK_DATABASE_NAME": self._database_name,
            "DJANGO_SETTINGS_MODULE": self.settings,
        }
