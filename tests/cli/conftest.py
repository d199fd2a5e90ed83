"""The official command line tool, the example project and the sandbox, as real processes."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from .npm import ROOT, from_npm

VERSION = "1.52.0"
KEY = "sk_test_commandlinetool"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cli)


@pytest.fixture(scope="session")
def stripe_cli():
    """The tool's binary, installed from npm."""
    return from_npm("@stripe/cli", VERSION, "stripe")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The example project and the sandbox on free ports; `site.webhooks()` reads the event log."""
    running = Site(tmp_path_factory.mktemp("site"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.port, self.sandbox_port = free_port(), free_port()
        self.api_base = f"http://127.0.0.1:{self.sandbox_port}"
        self.database = folder / "site.sqlite3"
        self.processes = []
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),  # this tree, whatever else is installed
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DEBUG": "true",
            "SECRET_KEY": "only-for-tests",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "STRIPE_API_KEY": KEY,
            "STRIPE_WEBHOOK_SECRETS": "whsec_cli",
            "STRIPE_API_BASE": self.api_base,
        }

    def start(self):
        self.manage("migrate", "--verbosity", "0")
        hook = f"http://127.0.0.1:{self.port}/billing/webhook/"
        self.spawn("stripe_sandbox", "--port", str(self.sandbox_port), "--forward-to", hook)
        self.spawn("runserver", "--noreload", f"127.0.0.1:{self.port}")
        for url in (f"{self.api_base}/_sandbox/state", f"http://127.0.0.1:{self.port}/"):
            wait_for(url)

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=20)

    def spawn(self, *arguments):
        with (self.folder / f"{arguments[0]}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "manage.py", *arguments],
                    cwd=ROOT / "example_project",
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                )
            )

    def manage(self, *arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT / "example_project",
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def settle(self):
        """Wait until every webhook has been taken."""
        request = urllib.request.Request(f"{self.api_base}/_sandbox/wait", data=b'{"seconds": 20}')
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.loads(answer.read())["idle"]

    def events(self):
        """Type and status of each stored event."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(
                "SELECT type, status FROM stripe_billing_event ORDER BY id"
            ).fetchall()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(url):
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
