"""A PostgreSQL database of its own, the page server for Stripe, and the queue that QUEUE names."""

import os

os.environ.setdefault("BENCHMARK_FOLDER", "/nonexistent")
os.environ["BENCHMARK_DATABASE"] = "postgres"

from benchmarks.settings import *  # noqa: F403 - after the environment
from benchmarks.settings import DATABASES, INSTALLED_APPS, STRIPE_BILLING

QUEUE = os.environ.get("QUEUE", "database")
DATABASES["default"]["NAME"] = "stripe_billing_services"
INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
if QUEUE != "database":
    STRIPE_BILLING["ENQUEUE"] = "django_stripe_billing.reconcile.celery_tasks.enqueue"
BROKERS = {
    "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
    "redis": "redis://127.0.0.1:6379/9",
}
