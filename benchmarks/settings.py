"""Settings of the benchmark: a database of its own, and the page server for Stripe."""

import os
from pathlib import Path

from tests import settings as base

FOLDER = Path(os.environ["BENCHMARK_FOLDER"])
DATABASES = {
    "default": {
        "sqlite": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "benchmark.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 60,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        },
        "postgres": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "stripe_billing_benchmark",
            "HOST": "127.0.0.1",
            "USER": os.environ.get("TEST_POSTGRES_USER", "postgres"),
            "PASSWORD": os.environ.get("TEST_POSTGRES_PASSWORD", ""),
        },
    }[os.environ.get("BENCHMARK_DATABASE", "sqlite")]
}
SECRET_KEY = "only-for-the-benchmark"
DEBUG = False  # with it, Django keeps every query in memory
SILENCED_SYSTEM_CHECKS = ["stripe_billing.E003"]  # the page server is no Stripe
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
USE_TZ = True
ROOT_URLCONF = base.ROOT_URLCONF
DEFAULT_AUTO_FIELD = base.DEFAULT_AUTO_FIELD
INSTALLED_APPS = base.INSTALLED_APPS
MIDDLEWARE = base.MIDDLEWARE
TEMPLATES = base.TEMPLATES
STRIPE_BILLING_SUBSCRIBER_MODEL = "auth.User"
STRIPE_BILLING = {
    "API_KEY": "sk_test_benchmark",
    "API_BASE": os.environ.get("BENCHMARK_API_BASE", ""),
    "WEBHOOK_SECRETS": ["whsec_benchmark"],
}
