"""The example project's own tests, in a process with its own settings."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "example_project"


def test_the_examples_own_tests_pass():
    environment = {
        **os.environ,
        "DEBUG": "true",
        "DATABASE_URL": "sqlite:///:memory:",
        "STRIPE_API_KEY": "sk_test_example",
        "STRIPE_WEBHOOK_SECRETS": "whsec_example",
        "STRIPE_API_BASE": "",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
