"""A project with dj-stripe, as its documentation sets it up; the page server for Stripe."""

import os

from benchmarks import databases

DATABASES = databases.DATABASES
SECRET_KEY = "only-for-the-benchmark"
DEBUG = False  # with it, Django keeps every query in memory
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "djstripe"]
STRIPE_API_HOST = os.environ.get("BENCHMARK_API_BASE") or "http://127.0.0.1:9"
STRIPE_TEST_SECRET_KEY = "sk_test_" + 24 * "0"
STRIPE_LIVE_MODE = False
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
