"""Working through a run's windows with as many threads as asked for, or as tasks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

from django.db import connections

from ..models import ReconcileRun
from ..stripe_api import Pace, paced
from .assignment import Listener
from .claiming import work_windows
from .distributing import conduct
from .options import Options
from .ownership import this_process


def work_through(run: ReconcileRun, options: Options, *, pace: Pace, tell: Listener) -> list[str]:
    """Work through all windows with as many threads as asked for; returns the errors."""
    if options.is_distributed:
        return conduct(run, options, tell=tell)
    if options.workers == 1:
        return work_windows(run, options, pace=pace, tell=tell, owner=this_process())
    stopping, turn = threading.Event(), threading.Lock()

    def told(number: int) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        with turn:
            tell(number)

    def thread(number: int) -> list[str]:
        try:
            with paced(pace):
                return work_windows(
                    run,
                    options,
                    pace=pace,
                    tell=told,
                    owner=f"{this_process()}:{number}",
                )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(options.workers, thread_name_prefix="reconcile") as pool:
        running = [pool.submit(thread, number) for number in range(options.workers)]
        try:
            return [error for done in as_completed(running) for error in done.result()]
        except BaseException:
            stopping.set()
            raise
