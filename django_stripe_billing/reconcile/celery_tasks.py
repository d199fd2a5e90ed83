"""The windows of a run as Celery tasks, for teams whose workers are Celery's.

    STRIPE_BILLING = {"ENQUEUE": "django_stripe_billing.reconcile.celery_tasks.enqueue"}

and this module in the Celery app: `app.autodiscover_tasks(["django_stripe_billing.reconcile"],
related_name="celery_tasks")`. A worker that dies needs nothing of Celery's: the lease of its window
ends, and another takes it over.
"""

from __future__ import annotations

from celery import shared_task

from .distributing import work_on


@shared_task(  # type: ignore[untyped-decorator]  # Celery has no types
    name="django_stripe_billing.reconcile.work_on_run", ignore_result=True
)
def work_on_run(run_pk: int) -> int:
    """Work on a run's windows until none is free; returns how many were finished."""
    return work_on(run_pk)


def enqueue(run_pk: int) -> None:
    """Hand a run to one more worker."""
    work_on_run.delay(run_pk)
