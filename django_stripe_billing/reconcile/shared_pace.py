"""The rate limit of a run whose windows are worked on by several processes: kept in the database.

A row of the run holds when the next turn is due. Each process reserves a few turns at a time, under
the row's lock and by the database's clock, so that a call costs far less than a query.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from ..models import ReconcileRun
from .leases import close_readers_connection

MOST_TURNS = 4
"""How many turns are reserved at once; those that a process does not use are lost."""


class SharedPace:
    """At most `rate` calls a second for all processes that work on a run."""

    def __init__(self, run_pk: int, *, rate: float) -> None:
        self._run_pk = run_pk
        self._pause = 1 / rate
        self._number = max(1, min(MOST_TURNS, int(rate / 2)))
        self._lock = threading.Lock()
        self._turns: list[float] = []
        """When the reserved turns are due, on this process's monotonic clock, last first."""

    def take(self) -> None:
        """Wait for a turn."""
        with self._lock:
            if not self._turns:
                self._turns = self._reserve()
            due = self._turns.pop()
        pause = due - time.monotonic()
        if pause > 0:
            time.sleep(pause)

    def hold(self, seconds: float) -> None:
        """No process's turn comes for that long, but those that are reserved."""
        with self._lock:
            self._turns = []
            with transaction.atomic():
                next_turn, now = self._read()
                self._write(max(next_turn, now + seconds))
        close_readers_connection()

    def _reserve(self) -> list[float]:
        with transaction.atomic():
            next_turn, now = self._read()
            first = max(next_turn, now)
            self._write(first + self._number * self._pause)
        here = time.monotonic()
        close_readers_connection()
        return [
            here + first - now + self._pause * number for number in reversed(range(self._number))
        ]

    def _read(self) -> tuple[float, float]:
        """When the next turn is due, and the time, both in the database's Unix seconds."""
        rows = ReconcileRun.objects.select_for_update().filter(pk=self._run_pk)
        next_turn, now = rows.annotate(clock=Now()).values_list("next_turn", "clock").get()
        moment: datetime = now
        return float(next_turn), moment.timestamp()

    def _write(self, next_turn: float) -> None:
        ReconcileRun.objects.filter(pk=self._run_pk).update(next_turn=next_turn)
