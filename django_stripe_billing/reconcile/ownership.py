"""Who runs a reconcile run, and whether that process is still there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Max
from django.utils import timezone

from ..models import ReconcileRun
from . import windows

SILENCE = timedelta(minutes=15)
"""After so long without a sign of life a process on another machine counts as gone: longer than all
attempts of one call take together."""

PAUSE = timedelta(seconds=30)
"""Between two signs of life."""


def this_process() -> str:
    """Host, process id, and when the process started, so that an id used again is noticed."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_alive(run: ReconcileRun) -> bool:
    """Whether the process that runs it is still at work, as far as can be told from here."""
    if run.owner == this_process():
        return run.pk in AT_WORK
    host, _, rest = run.owner.partition(":")
    number, _, started = rest.partition(":")
    if host == socket.gethostname() and number.isdecimal():
        return _exists(int(number)) and _started(int(number)) == started
    claimed = run.windows.aggregate(last=Max("claimed_until"))["last"]
    last: datetime = max(run.beat_at, claimed - windows.LEASE) if claimed else run.beat_at
    return last > timezone.now() - SILENCE


def beat(run: ReconcileRun) -> None:
    """Give a sign of life, now and then; while windows are worked on, their checkpoints are it."""
    now = timezone.now()
    if now > run.beat_at + PAUSE:
        run.beat_at = now
        ReconcileRun.objects.filter(pk=run.pk).update(beat_at=now)


@contextmanager
def at_work(run: ReconcileRun) -> Iterator[None]:
    """The block does the run's work: of this process's runs, only such a one is alive."""
    AT_WORK.add(run.pk)
    try:
        yield
    finally:
        AT_WORK.discard(run.pk)


AT_WORK: set[int] = set()
"""The runs that this process works on."""


def _exists(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(number: int) -> str:
    """Clock ticks since boot, where /proc tells; '' elsewhere."""
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
