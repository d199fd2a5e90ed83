"""A team's Celery app, as docs/scale.md has it."""

import os

import django
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.services.settings")
django.setup()

from django.conf import settings  # noqa: E402 - after setup

app = Celery("tests", broker=settings.BROKERS.get(settings.QUEUE), set_as_current=True)
app.conf.task_default_queue = "stripe_billing_tests"
app.conf.broker_connection_retry_on_startup = True
app.autodiscover_tasks(["django_stripe_billing.reconcile"], related_name="celery_tasks", force=True)
