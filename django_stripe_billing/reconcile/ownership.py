"""Who runs a reconcile run, and whether that process is still there."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from ..models import ReconcileRun

SILENCE = timedelta(minutes=5)
"""After so long without a sign of life a process on another machine counts as gone."""


def this_process() -> str:
    """Host, process id, and when the process started, so that an id used again is noticed."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_alive(run: ReconcileRun) -> bool:
    """Whether the process that runs it is still at work, as far as can be told from here."""
    host, _, rest = run.owner.partition(":")
    number, _, started = rest.partition(":")
    if host == socket.gethostname() and number.isdecimal():
        return _exists(int(number)) and _started(int(number)) == started
    return run.beat_at > timezone.now() - SILENCE


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
