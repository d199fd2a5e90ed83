"""Keeping a window while it is worked on: every call to Stripe is a sign of life."""

from __future__ import annotations

import threading
import time

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ..exceptions import BillingError
from ..models import ReconcileWindow
from ..stripe_api import Pace
from . import windows


class TakenOverError(BillingError):
    """Another worker goes on with the window: this one was silent for too long."""

    def __init__(self) -> None:
        super().__init__("Another worker goes on with this window.")


class LeasedPace:
    """Takes turns for a window's worker, and renews its lease when a quarter of it is over.

    `take` raises TakenOverError when the window is another's by now. A checkpoint renews the lease,
    too; this is for the page that takes long: much of it is fetched by id, or Stripe is slow.
    """

    def __init__(self, pace: Pace, window: ReconcileWindow, *, owner: str) -> None:
        self._pace = pace
        self._window = window
        self._owner = owner
        self._lock = threading.Lock()
        self._kept_at = time.monotonic()

    def take(self) -> None:
        self._keep()
        self._pace.take()

    def hold(self, seconds: float) -> None:
        self._pace.hold(seconds)

    def _keep(self) -> None:
        with self._lock:
            if time.monotonic() - self._kept_at < windows.LEASE.total_seconds() / 4:
                return
            if not windows.keep(self._window, owner=self._owner):
                raise TakenOverError
            self._kept_at = time.monotonic()
        close_readers_connection()


def close_readers_connection() -> None:
    """Pages are read ahead in a thread that ends with its window: its connection ends now.

    Django's own `close` keeps that of an SQLite database in memory.
    """
    if threading.current_thread().name.startswith("pages"):
        BaseDatabaseWrapper.close(connections[DEFAULT_DB_ALIAS])
