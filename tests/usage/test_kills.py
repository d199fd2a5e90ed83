"""kill -9 of the real command while it sends: what Stripe has counted is what was reported."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.db import connection

from django_stripe_billing.sandbox.resources import meters
from django_stripe_billing.usage import report

ROOT = Path(__file__).resolve().parents[2]
TOLD = "/v1/billing/meter_events"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="copies the database into a file"),
]


class Stripe(ThreadingHTTPServer):
    """The sandbox's engine over HTTP, which kills whoever asks, at a moment of a call."""

    daemon_threads = True

    def __init__(self, engine):
        super().__init__(("127.0.0.1", 0), Handler)
        self.engine, self.calls = engine, 0
        self.victim, self.killed_at, self.moment = None, 0, ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def kill_at(self, victim, call, moment):
        self.victim, self.killed_at, self.moment = victim, call, moment

    def kills(self, moment):
        """Whether the one who asks is dead now."""
        if (self.killed_at, self.moment) != (self.calls, moment):
            return False
        self.victim.kill()
        self.victim.wait()
        return True

    def handle_error(self, request, client_address):
        """Whoever asked was killed."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.calls += self.path == TOLD
        if self.server.kills("unseen"):
            self.close_connection = True
            return
        answer = self.server.engine.handle(self.command, self.path, body, dict(self.headers))
        if self.server.kills("counted"):
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        self.server.kills("answered")

    do_GET = do_POST


@pytest.fixture
def stripe(stripe_sandbox):
    with Stripe(stripe_sandbox.engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(timeout=10)


class Worker:
    """`manage.py send_usage` on a database in a file."""

    def __init__(self, database, stripe):
        self.database, self.stripe = database, stripe

    def start(self):
        return subprocess.Popen(
            [sys.executable, "-m", "django", "send_usage", "--batch", "8", "--rate", "1000"],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.reconcile.file_settings",
                "RECONCILE_DATABASE": str(self.database),
                "RECONCILE_API_BASE": self.stripe.url,
                "PYTHONPATH": str(ROOT),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def is_killed(self, call, moment):
        """Start it, and kill it at the n-th usage that it tells of."""
        process = self.start()
        self.stripe.kill_at(process, call, moment)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == -9, said

    def ends(self):
        """Start it, and let it send all that is nobody else's; what it says."""
        process = self.start()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        return said

    def ask(self, query):
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as found, found:
            return found.execute(query).fetchall()

    def forget_the_dead(self):
        """The time for which the batches were the dead worker's is over."""
        self.ask("UPDATE stripe_billing_usagerecord SET claimed_until = '2020-01-01 00:00:00'")

    def states(self):
        return [state for (state,) in self.ask("SELECT state FROM stripe_billing_usagerecord")]


@pytest.fixture
def worker(tmp_path, stripe):
    return Worker(tmp_path / "usage.sqlite3", stripe)


def test_a_worker_that_is_killed_again_and_again_loses_nothing_and_tells_nothing_twice(
    shop, subscriber, add_meter, stripe, worker
):
    meter = add_meter()
    shop.bind(subscriber)
    reported = [Decimal(value) for value in range(1, 41)]
    for value in reported:
        report(subscriber, "calls", value)
    with contextlib.closing(sqlite3.connect(worker.database)) as copy:
        connection.connection.backup(copy)

    def counted():
        rows = meters.usage_of(stripe.engine, meter["id"])
        return [row.value for row in rows]

    worker.is_killed(3, "unseen")
    assert counted() == reported[:2]
    worker.is_killed(6, "counted")  # of the next batch: the first is the dead worker's
    assert counted() == reported[:2] + reported[8:11]
    worker.forget_the_dead()
    worker.is_killed(17, "answered")  # in the middle of what was left behind
    assert counted() != reported
    worker.forget_the_dead()
    assert worker.ends().endswith(" sent, 0 refused, 0 waiting\n")
    assert sorted(counted()) == reported
    assert worker.states() == ["sent"] * 40
    assert len(stripe.engine.requests) > len(reported), "some were told of again, and not counted"
