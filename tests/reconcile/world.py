"""A small world for the real command: Stripe behind HTTP, a database in a file, drift of each kind.

It is built in a process of its own, which then serves Stripe: `World()` starts it.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "tests.reconcile.file_settings"

STATE = {
    "subscriptions": """
        SELECT s.stripe_id, c.stripe_id, s.status, s.stripe_created_at, s.cancel_at, s.canceled_at,
        s.ended_at, s.collection_method, s.latest_invoice_id
        FROM stripe_billing_subscription s JOIN stripe_billing_customer c ON c.id = s.customer_id
        """,
    "items": """
        SELECT s.stripe_id, i.stripe_id, i.price_id, i.product_id, i.quantity,
        i.current_period_start_at, i.current_period_end_at FROM stripe_billing_subscriptionitem i
        JOIN stripe_billing_subscription s ON s.id = i.subscription_id
        """,
    "entitlements": """
        SELECT c.stripe_id, f.lookup_key, e.source_id, e.ends_at, e."limit", e.reason
        FROM stripe_billing_entitlement e JOIN stripe_billing_customer c ON c.id = e.customer_id
        JOIN stripe_billing_feature f ON f.id = e.feature_id
        """,
    "changes": """
        SELECT c.stripe_id, f.lookup_key, e.kind, e.source_id, e.before, e.after, e.cause_kind
        FROM stripe_billing_entitlementchange e
        JOIN stripe_billing_customer c ON c.id = e.customer_id
        JOIN stripe_billing_feature f ON f.id = e.feature_id
        """,
    "events": "SELECT stripe_id, status FROM stripe_billing_event",
    "drift": """
        SELECT kind, object_id, subject, state FROM stripe_billing_drift
        WHERE run_id = (SELECT max(id) FROM stripe_billing_reconcilerun)
        """,
    "run": """
        SELECT state, listed, compared, drift_found, drift_left FROM stripe_billing_reconcilerun
        ORDER BY id DESC LIMIT 1
        """,
}
"""What a run leaves behind, whatever happened to it on the way."""


class World:
    """A running Stripe, and a database with drift of which copies are made."""

    def __init__(self, folder, *, subscriptions):
        self.folder = Path(folder)
        self.template = self.folder / "template.sqlite3"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.reconcile.world", str(self.template), str(subscriptions)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._server.stdout.readline()
        assert line, "the world could not be built"
        self.url = line.strip()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._server.stdin.close()
        self._server.wait(timeout=30)
        self._server.stdout.close()

    def copy(self, name):
        """A database of its own."""
        path = self.folder / f"{name}.sqlite3"
        shutil.copy(self.template, path)
        return path

    def start(self, database, *arguments):
        """The real command, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "django", "reconcile_entitlements", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment(database)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, database, *arguments):
        """The exit code, what it said, and what it complained of."""
        process = self.start(database, *arguments)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def environment(self, database):
        return {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "RECONCILE_DATABASE": str(database),
            "RECONCILE_API_BASE": self.url,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error::DeprecationWarning:django_stripe_billing",
        }

    def requests(self):
        """How many requests Stripe has had."""
        with urlopen(f"{self.url}/_sandbox/state", timeout=10) as answer:
            return json.load(answer)["requests"]


def state_of(database):
    """What stands in a database, in an order of its own."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return {
            name: sorted(connection.execute(query).fetchall(), key=repr)
            for name, query in STATE.items()
        }


def runs_in(database):
    """How many runs were begun."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT count(*) FROM stripe_billing_reconcilerun").fetchone()


def differences(one, other):
    """Where two databases differ, to print."""
    return [
        f"{name}: {sorted(set(one[name]) ^ set(other[name]), key=repr)[:6] or 'their number'}"
        for name in STATE
        if one[name] != other[name]
    ]


def _build(path, subscriptions):
    """Fill the database, plant the drift, and serve Stripe until stdin is closed."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import override_settings

    from django_stripe_billing.sandbox.deliveries import HttpDeliveries
    from django_stripe_billing.sandbox.server import SandboxServer
    from django_stripe_billing.stripe_api import CallableHTTPClient
    from django_stripe_billing.testing import StripeSandbox
    from tests.reconcile.planting import LATER, plant, populate
    from tests.shop import Shop

    class Server(SandboxServer):
        def handle_error(self, request, client_address):
            """Whoever asked was killed."""

    call_command("migrate", verbosity=0)
    sandbox = StripeSandbox()
    in_process = {
        **settings.STRIPE_BILLING,
        "API_BASE": "",
        "HTTP_CLIENT": CallableHTTPClient(sandbox.engine.handle),
    }
    with override_settings(STRIPE_BILLING=in_process), contextlib.redirect_stdout(sys.stderr):
        shop = Shop(sandbox)
        plant(shop, sandbox, populate(shop, sandbox, subscriptions))
        sandbox.advance(LATER)
    connection.close()
    server = Server(sandbox.engine, HttpDeliveries(sandbox.engine), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    print(server.url, flush=True)
    sys.stdin.read()
    server.shutdown()
    thread.join(timeout=10)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    os.environ["RECONCILE_DATABASE"] = sys.argv[1]
    os.environ["RECONCILE_API_BASE"] = ""
    import django

    django.setup()
    _build(sys.argv[1], int(sys.argv[2]))
