"""What a worker is given: one window of a run, and how to work on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..models import ReconcileRun, ReconcileWindow
from ..stripe_api import Pace
from .options import Options

Listener = Callable[[int], None]
"""Called with the number of subscriptions that were compared since the last call."""


@dataclass(frozen=True)
class Assignment:
    """`owner` holds the window's lease; `tell` is called after each page."""

    run: ReconcileRun
    window: ReconcileWindow
    options: Options
    owner: str
    pace: Pace
    tell: Listener
