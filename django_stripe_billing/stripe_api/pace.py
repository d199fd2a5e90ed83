"""Keeping under Stripe's rate limits: calls take turns. https://docs.stripe.com/rate-limits"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Pace(Protocol):
    """Whoever calls Stripe asks for a turn first, and may hold everybody back."""

    def take(self) -> None: ...
    def hold(self, seconds: float) -> None: ...


class TokenBucket:
    """At most `rate` turns a second for all threads of this process, `burst` of them at once."""

    def __init__(self, *, rate: float, burst: int = 1) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("The rate is more than 0 calls a second, the burst at least 1.")
        self._pause = 1 / rate
        self._slack = (burst - 1) * self._pause
        self._lock = threading.Lock()
        self._next = 0.0
        """When the next turn is due if turns are taken evenly, on the monotonic clock."""

    def take(self) -> None:
        """Wait for a turn."""
        with self._lock:
            now = time.monotonic()
            due = max(self._next, now - self._slack)
            self._next = due + self._pause
        if due > now:
            time.sleep(due - now)

    def hold(self, seconds: float) -> None:
        """Nobody's turn comes for that long: Stripe said that there were too many."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
