"""A run whose windows are worked on by other processes, through the queues that teams run."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import django
import psycopg
import pytest

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]
NUMBER = 3_000
NUMBERS = itertools.count(1)
CHANGED = NUMBER // 100
DSN = {
    "host": "127.0.0.1",
    "user": os.environ.get("TEST_POSTGRES_USER", "postgres"),
    "password": os.environ.get("TEST_POSTGRES_PASSWORD", ""),
    "autocommit": True,
}
MANAGE = ["-m", "tests.services.manage"]
CELERY = [
    *("-m", "celery", "-A", "tests.services.celery_app", "worker", "--pool", "solo"),
    *("--loglevel", "INFO", "--without-mingle", "--without-gossip"),
]


class Account:
    """A filled database, a page server whose account differs in one of a hundred, and processes."""

    def __init__(self, folder, queue):
        self.folder = folder
        self.queue = queue
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.services.settings",
            "BENCHMARK_FOLDER": str(folder),
            "QUEUE": queue,
        }

    def prepare(self):
        with psycopg.connect(dbname="postgres", **DSN) as server:
            server.execute("DROP DATABASE IF EXISTS stripe_billing_services WITH (FORCE)")
            server.execute("CREATE DATABASE stripe_billing_services")
        self.run("-m", "django", "migrate", "--verbosity", "0")
        self.run("-m", "benchmarks.measurements", "fill", str(NUMBER))

    def run(self, *arguments, expected=0):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout

    def reconcile(self, *options, expected=0):
        text = self.run(*RECONCILE, *options, expected=expected)
        return json.loads(text)

    @contextmanager
    def process(self, *arguments):
        with (self.folder / "log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        try:
            yield started
        finally:
            started.kill()
            started.wait()

    @contextmanager
    def stripe(self):
        port, self.calls = self.folder / "port", self.folder / "calls"
        server = ["-m", "benchmarks.page_server", "--subscriptions", str(NUMBER)]
        files = ["--port-file", str(port), "--calls-file", str(self.calls)]
        with self.process(*server, "--changed", "0.01", *files):
            wait_until(lambda: port.exists() and port.read_text())
            self.environment["BENCHMARK_API_BASE"] = f"http://127.0.0.1:{port.read_text()}"
            yield

    @contextmanager
    def worker(self):
        """A worker that is ready for tasks."""
        name = f"worker{next(NUMBERS)}"
        if self.queue == "database":
            worker = [*MANAGE, "db_worker", "--interval", "0.2", "--no-startup-delay"]
            worker += ["--worker-id", name]
            words = ("Starting worker", f"worker_id={name}")
        else:
            worker = [*CELERY, "--hostname", f"{name}@%h"]
            words = (f"{name}@", "ready.")
        with self.process(*worker) as process:
            wait_until(lambda: self.has_said(*words))
            yield process

    def has_said(self, *words):
        lines = (self.folder / "log").read_text().splitlines()
        return any(all(word in line for word in words) for line in lines)

    def moments(self):
        """When Stripe was called."""
        return sorted(float(line) for line in self.calls.read_text().split())

    def query(self, sql):
        with psycopg.connect(dbname="stripe_billing_services", **DSN) as connection:
            return connection.execute(sql).fetchall()

    def statuses(self):
        return self.query(
            "SELECT s.stripe_id, s.status, i.current_period_end_at,"
            " (SELECT count(*) FROM stripe_billing_entitlement e WHERE e.subscription_id = s.id)"
            " FROM stripe_billing_subscription s"
            " JOIN stripe_billing_subscriptionitem i ON i.subscription_id = s.id ORDER BY 1"
        )


def wait_until(condition, *, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


RECONCILE = [
    *MANAGE,
    "reconcile_entitlements",
    *("--format", "json", "--quiet", "--apply", "--max-changes", "100%"),
]
DISTRIBUTED = ["--distribute", "--workers", "2"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process makes of the account."""
    account = Account(tmp_path_factory.mktemp("alone"), "database")
    account.prepare()
    with account.stripe():
        account.reconcile("--rate", "100000")
    return account.statuses()


@pytest.mark.parametrize("queue", ["database", "rabbitmq", "redis"])
def test_workers_of_the_queue_do_what_one_process_does(tmp_path, alone, queue):
    account = Account(tmp_path, queue)
    account.prepare()
    with account.stripe(), account.worker(), account.worker():
        report = account.reconcile(*DISTRIBUTED, "--rate", "20")
    assert (report["subscriptions"], report["compared"]) == (NUMBER, NUMBER)
    assert (report["drift_left"], report["errors"]) == (0, [])
    assert report["changes"] == CHANGED
    assert account.statuses() == alone
    workers = account.query("SELECT DISTINCT claimed_by FROM stripe_billing_reconcilewindow")
    assert len({worker.split(":")[1] for (worker,) in workers}) == 2  # processes


def test_another_worker_takes_over_from_one_that_was_killed(tmp_path, alone):
    account = Account(tmp_path, "database")
    account.prepare()
    conducting = account.process(*RECONCILE, *DISTRIBUTED, "--rate", "10")
    windows = "FROM stripe_billing_reconcilewindow"
    with account.stripe(), account.worker() as victim, conducting as command:
        wait_until(lambda: account.query(f"SELECT 1 {windows} WHERE listed > 0"))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        [(left, killed)] = account.query(
            f"SELECT id, claimed_by {windows} WHERE state = 'pending' AND claimed_by <> ''"
        )
        with account.worker():
            assert command.wait(timeout=120) == 0, (tmp_path / "log").read_text()
    assert account.statuses() == alone
    [(state, attempts, heir)] = account.query(
        f"SELECT state, attempts, claimed_by {windows} WHERE id = {left}"
    )
    assert (state, attempts) == ("done", 2)
    assert heir != killed
    runs = account.query("SELECT state, drift_left FROM stripe_billing_reconcilerun")
    assert runs == [("complete", 0)]


def test_all_workers_together_keep_under_the_rate(tmp_path, alone):
    """Counted where Stripe counts: at the server."""
    account = Account(tmp_path, "database")
    account.prepare()
    with account.stripe(), account.worker(), account.worker():
        account.reconcile(*DISTRIBUTED, "--rate", "8")
    moments = account.moments()
    assert len(moments) > 30
    busiest = max(sum(first <= one < first + 2 for one in moments) for first in moments)
    print(f"{len(moments)} calls, {busiest} in the busiest two seconds, at a rate of 8 a second")
    assert busiest <= 2 * 8 + 8  # a process that was late makes up for the turns it has reserved
    assert len(moments) <= 8 * (moments[-1] - moments[0]) + 6


def test_a_queue_that_runs_nothing_is_refused(tmp_path, alone):
    account = Account(tmp_path, "database")
    account.prepare()
    settings = tmp_path / "dummy_settings.py"
    backend = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    settings.write_text(
        "from tests.services.settings import *\n"
        f'TASKS = {{"default": {{"BACKEND": "{backend}.backends.dummy.DummyBackend"}}}}\n'
    )
    account.environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{tmp_path}"
    account.environment["DJANGO_SETTINGS_MODULE"] = "dummy_settings"
    with account.stripe():
        report = account.reconcile(*DISTRIBUTED, expected=2)
    assert "dummy backend" in report["errors"][0]
