from pathlib import Path

import pytest
from django.core.management import call_command

pytest_plugins = ["django_stripe_billing.testing"]

PLANS = Path(__file__).parent / "plans.toml"


@pytest.fixture
def seeded(db, settings):
    """The teams and people of `manage.py seed`."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.DEBUG = True
    call_command("seed")
    settings.DEBUG = False


@pytest.fixture
def shop(seeded, stripe_sandbox):
    """The plans of plans.toml, at the sandbox and here."""
    call_command("push_catalog", str(PLANS))
    stripe_sandbox.deliver()
    return stripe_sandbox
