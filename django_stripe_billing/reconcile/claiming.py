"""Working through a run's windows: claimed one after the other, by what each of them is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from django.db import DatabaseError, InterfaceError

from ..exceptions import BillingError
from ..models import ReconcileRun, ReconcileWindow
from ..stripe_api import Pace, paced, without_secrets
from . import windows
from .assignment import Assignment, Listener
from .customers import CustomerWorker
from .invoices import InvoiceWorker
from .leases import LeasedPace, TakenOverError
from .options import Options
from .payment_pages import PaymentWorker
from .working import WindowWorker


class Worker(Protocol):
    """Works through one window."""

    def __init__(self, given: Assignment) -> None: ...

    @property
    def listed(self) -> int: ...

    def work(self) -> None: ...


WORKERS: Mapping[str, type[Worker]] = {
    ReconcileWindow.Of.SUBSCRIPTIONS: WindowWorker,
    ReconcileWindow.Of.PAYMENTS: PaymentWorker,
    ReconcileWindow.Of.INVOICES: InvoiceWorker,
    ReconcileWindow.Of.CUSTOMERS: CustomerWorker,
}


def work_windows(
    run: ReconcileRun,
    options: Options,
    *,
    pace: Pace,
    tell: Listener,
    owner: str,
) -> list[str]:
    """Claim windows one after the other and work through them; returns the errors."""
    errors: list[str] = []
    while window := windows.claim(run, owner=owner):
        leased = LeasedPace(pace, window, owner=owner)
        worker = WORKERS[window.of](
            Assignment(run, window, options, owner=owner, pace=leased, tell=tell)
        )
        try:
            with paced(leased):
                worker.work()
        except TakenOverError:
            continue
        except (BillingError, DatabaseError, InterfaceError) as error:
            text = (
                f"Stopped after {worker.listed:,} {window.of} of a window:"
                f" {without_secrets(str(error))}"
            )
            windows.fail(window, text, owner=owner)
            errors.append(text)
    return errors
