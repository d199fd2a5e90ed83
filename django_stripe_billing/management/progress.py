"""How far a run is, for people."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Sum
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ..models import ReconcileRun, ReconcileWindow
from ..reconcile import Options, estimate


@contextmanager
def progress(run: ReconcileRun, write: Callable[[str], object], *, is_quiet: bool) -> Iterator[Any]:
    """A bar on a terminal; elsewhere a line for each tenth."""
    total = estimate(Options.from_json(run.options)).subscriptions
    windows = run.windows.filter(of=ReconcileWindow.Of.SUBSCRIPTIONS)
    done = windows.aggregate(done=Sum("compared"))["done"] or 0
    if is_quiet:
        yield lambda number: None
    elif sys.stderr.isatty():
        columns = (
            TextColumn("subscriptions"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
            task = bar.add_task("subscriptions", total=total or None, completed=done)
            yield lambda number: bar.advance(task, number)
    else:
        yield _Lines(write, total=total, done=done)


class _Rate(ProgressColumn):
    """Subscriptions a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s")


class _Lines:
    """Tells of each tenth in a line of its own."""

    def __init__(self, write: Callable[[str], object], *, total: int, done: int = 0) -> None:
        self._write = write
        self._step = max(total // 10, 1_000)
        self._next = done + self._step
        self._done = self._before = done
        self._total = total
        self._started = time.monotonic()

    def __call__(self, number: int) -> None:
        self._done += number
        if self._done >= self._next:
            self._next += self._step
            done = self._done - self._before
            rate = done / max(time.monotonic() - self._started, 0.001)
            self._write(f"{self._done:,} of {self._total:,} compared, {rate:,.0f}/s")
