"""A run whose windows are worked on by other processes: the command conducts, workers work.

The command enqueues as many tasks as it wants workers, waits until every window is done, and ends
the run as always. What a worker that died has left is free when its lease ends; the command then
enqueues again. A worker that was only slow notices at its next checkpoint that it is another's.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone

from ..conf import settings
from ..models import ReconcileRun, ReconcileWindow
from ..stripe_api import paced
from . import windows
from .assignment import Listener
from .claiming import work_windows
from .options import Options
from .ownership import beat, this_process
from .rates import default_rate
from .shared_pace import SharedPace

POLL = 0.5
"""Seconds between two looks at the windows."""

GIVE_UP = timedelta(minutes=15)
"""How long the command waits for a worker."""

NOBODY = (
    "No worker has worked on the run for {minutes} minutes. Does one listen to the queue that"
    " --distribute enqueues to? Once it does, go on with --resume."
)


def work_on(run_pk: int) -> int:
    """What a task does: claim windows of a run, one after the other, until none is free.

    Returns how many it finished. A run that has ended meanwhile has nothing to do.
    """
    run = ReconcileRun.objects.filter(pk=run_pk, state=ReconcileRun.State.RUNNING).first()
    if run is None:
        return 0
    options = Options.from_json(run.options)
    pace = shared_pace(run, options)
    owner = f"{this_process()}:{uuid.uuid4().hex[:12]}"
    with paced(pace):
        work_windows(run, options, pace=pace, tell=lambda number: None, owner=owner)
    return run.windows.filter(claimed_by=owner, state=ReconcileWindow.State.DONE).count()


def conduct(run: ReconcileRun, options: Options, *, tell: Listener) -> list[str]:
    """Enqueue the run's windows and wait until all are done; returns the errors.

    Raises what the queue raises when it can't be reached. Windows that nobody works on are enqueued
    again, each time after twice as long: tasks that find nothing to do end at once. Without a
    worker for GIVE_UP, the run ends as incomplete.
    """
    _enqueue(run, options.workers)
    asked_at = seen_at = time.monotonic()
    pause = windows.LEASE.total_seconds()
    told = _compared(run)
    while run.windows.filter(state=ReconcileWindow.State.PENDING).exists():
        time.sleep(POLL)
        beat(run)
        compared = _compared(run)
        tell(compared - told)
        busy = _busy(run)
        now = time.monotonic()
        if busy or compared > told:
            seen_at = now
        told = compared
        if now - seen_at > GIVE_UP.total_seconds():
            return [NOBODY.format(minutes=round(GIVE_UP.total_seconds() / 60))]
        wanted = min(_free(run), options.workers - busy)
        if wanted > 0 and now - asked_at > pause:
            _enqueue(run, wanted)
            asked_at, pause = now, pause * 2
    tell(_compared(run) - told)
    failed = run.windows.filter(state=ReconcileWindow.State.FAILED)
    return list(failed.values_list("failure", flat=True))


def shared_pace(run: ReconcileRun, options: Options) -> SharedPace:
    return SharedPace(run.pk, rate=options.rate or default_rate())


def _enqueue(run: ReconcileRun, number: int) -> None:
    enqueue = settings.callable("ENQUEUE")
    for _worker in range(number):
        enqueue(run.pk)


def _free(run: ReconcileRun) -> int:
    """How many windows nobody works on."""
    pending = run.windows.filter(state=ReconcileWindow.State.PENDING)
    return pending.exclude(claimed_until__gt=timezone.now()).count()


def _busy(run: ReconcileRun) -> int:
    """How many windows are worked on."""
    pending = run.windows.filter(state=ReconcileWindow.State.PENDING)
    return pending.filter(claimed_until__gt=timezone.now()).count()


def _compared(run: ReconcileRun) -> int:
    own = run.windows.filter(of=ReconcileWindow.Of.SUBSCRIPTIONS)
    return own.aggregate(total=Sum("compared"))["total"] or 0
