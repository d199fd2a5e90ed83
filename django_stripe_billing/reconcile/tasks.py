"""The windows of a run as tasks of Django's task framework: the backend is the project's choice.

https://docs.djangoproject.com/en/stable/topics/tasks/
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .distributing import work_on

logger = logging.getLogger("django_stripe_billing.reconcile")

tasks: Any
if find_spec("django.tasks"):
    from django import tasks
else:
    try:
        import django_tasks as tasks
    except ImportError:
        raise ImproperlyConfigured(
            "Before Django 6.0, --distribute needs the django-tasks package:"
            " pip install 'django-stripe-entitlements[distribute]'."
        ) from None


@tasks.task()  # type: ignore[untyped-decorator]  # of one of two packages
def work_on_run(run_pk: int) -> int:
    """Work on a run's windows until none is free; returns how many were finished."""
    return work_on(run_pk)


def enqueue(run_pk: int) -> None:
    """Hand a run to one more worker. Raises ImproperlyConfigured where no worker ever comes."""
    backend = type(tasks.task_backends[work_on_run.backend]).__name__
    if backend == "DummyBackend":
        raise ImproperlyConfigured(
            "TASKS names the dummy backend, which runs nothing: --distribute needs a real one."
        )
    if backend == "ImmediateBackend":
        logger.warning(
            "TASKS names the immediate backend, Django's default: this process works through the"
            " windows itself, one after the other. --distribute needs a queue with workers."
        )
    work_on_run.enqueue(run_pk)
