"""`manage.py stripe_sandbox`, as a process."""

import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from django.core.management import CommandError, call_command


def test_without_debug_it_refuses(settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG = True only"):
        call_command("stripe_sandbox")


def test_webhooks_need_a_secret(settings):
    settings.DEBUG = True
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "WEBHOOK_SECRETS": []}
    with pytest.raises(CommandError, match="--secret whsec_"):
        call_command("stripe_sandbox", "--forward-to", "http://127.0.0.1:1/hook/")


def test_it_serves_until_it_is_told_to_stop(tmp_path):
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "django", "stripe_sandbox", "--port", "0"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    running = subprocess.Popen(
        [*command, "--port-file", str(port_file)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not (port_file.exists() and port_file.read_text()):
            assert time.monotonic() < deadline
            assert running.poll() is None, running.communicate()[0]
            time.sleep(0.05)
        url = f"http://127.0.0.1:{port_file.read_text().strip()}/v1/customers"
        request = urllib.request.Request(url, headers={"Authorization": "Bearer sk_test_abcdef"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b'"object": "list"' in answer.read()
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) == 0
    finally:
        running.kill()
        running.communicate()
