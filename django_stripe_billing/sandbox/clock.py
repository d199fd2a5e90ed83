"""The sandbox's clock: the machine's, or one that stands until it is moved."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells Unix seconds, and goes forward when it is told to."""

    def now(self) -> float: ...
    def advance(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock, which can be moved forward for a demonstration."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("A clock goes forward only.")
        self._ahead += seconds


class ManualClock:
    """A clock that stands still until `advance` moves it."""

    def __init__(self, start: float) -> None:
        self._now = float(start)

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("A clock goes forward only.")
        self._now += seconds
