"""The windows of a run as tasks of Django's task framework: the backend is the project's choice.

https://docs.djangoproject.com/en/stable/topics/tasks/
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .distributing import work_on

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
    backend = tasks.task_backends[work_on_run.backend]
    if type(backend).__name__ == "DummyBackend":
        raise ImproperlyConfigured(
            "TASKS names the dummy backend, which runs nothing: --distribute needs a real one."
        )
    work_on_run.enqueue(run_pk)
