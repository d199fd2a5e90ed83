"""The processes of the demonstration: sandbox and site, on free ports, with a fresh database."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

PROJECT = Path(__file__).resolve().parent.parent
SECRET = "whsec_demo"
START_SECONDS = 60


class Stage:
    """Starts what is needed, and leaves no process and no file behind."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="django-stripe-billing-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        atexit.register(self.close)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        site, sandbox = free_port(), free_port()
        self.site = f"http://127.0.0.1:{site}"
        self.sandbox = f"http://127.0.0.1:{sandbox}"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DEBUG": "true",
            "SECRET_KEY": "only-for-the-demonstration",
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "DATABASE_URL": f"sqlite:///{self.folder / 'demo.sqlite3'}",
            "STRIPE_API_KEY": "sk_test_demonstration",
            "STRIPE_WEBHOOK_SECRETS": SECRET,
            "STRIPE_API_BASE": self.sandbox,
            "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        }

    def open(self) -> None:
        """Start sandbox and site, and wait until both answer."""
        site, sandbox = self.site.rpartition(":")[2], self.sandbox.rpartition(":")[2]
        hook = f"{self.site}/billing/webhook/"
        self._start("sandbox", "stripe_sandbox", "--port", sandbox, "--forward-to", hook)
        self._start("site", "runserver", "--noreload", f"127.0.0.1:{site}")
        for url in (f"{self.sandbox}/_sandbox/state", f"{self.site}/"):
            self._wait_for(url)

    def manage(self, *arguments: str, expected: int = 0) -> str:
        """Run a management command; what it prints. Raises AssertionError for another exit code."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expected, (
            f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n"
            f"{done.stdout}{done.stderr}"
        )
        return done.stdout

    def operate(self, control: str, **given: Any) -> Any:
        """Use one of the sandbox's controls."""
        answer = requests.post(f"{self.sandbox}/_sandbox/{control}", json=given, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def stripe(self, method: str, path: str, **params: Any) -> Any:
        """Do something at Stripe that the site does not know of."""
        answer = requests.request(
            method,
            f"{self.sandbox}{path}",
            data=params or None,
            headers={"Authorization": "Bearer sk_test_dashboard"},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait(self) -> None:
        """Until a process ends, or somebody presses Ctrl-C."""
        while all(process.poll() is None for process in self._processes):
            time.sleep(0.5)

    def close(self) -> None:
        """End every process and remove the folder."""
        atexit.unregister(self.close)
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)

    def _wait_for(self, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                requests.get(url, timeout=5)
                return
            except requests.RequestException:
                if any(process.poll() is not None for process in self._processes):
                    break
                time.sleep(0.2)
        raise AssertionError(f"{url} does not answer.\n{self.log('sandbox')}\n{self.log('site')}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
