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
    CELERY_BROKER_URL = {
        "rabbitmq": "amqp://guest:guest@127.0.0.1:5672//",
        "redis": "redis://127.0.0.1:6379/9",
    }[QUEUE]
    CELERY_TASK_DEFAULT_QUEUE = "stripe_billing_tests"
    CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
    from tests.services.celery_app import app  # noqa: F401 - the command enqueues through it
