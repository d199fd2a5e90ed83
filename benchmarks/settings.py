"""Settings of the benchmark: a database of its own, and the page server for Stripe."""

import os

from tests import settings as base

from . import databases

DATABASES = databases.DATABASES
SECRET_KEY = "only-for-the-benchmark"
DEBUG = False  # with it, Django keeps every query in memory
SILENCED_SYSTEM_CHECKS = ["stripe_billing.E003"]  # the page server is no Stripe
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
