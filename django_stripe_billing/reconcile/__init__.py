"""Do Stripe and the database agree? Find every difference, and repair it on request."""

from typing import Any

from .estimating import estimate
from .options import TENTH, ChangeLimit, Options
from .report import Report, drift_data
from .run import begin, discard, execute, resume
from .single import DriftRepairs, repair_drift

__all__ = [
    "TENTH",
    "ChangeLimit",
    "DriftRepairs",
    "Options",
    "Report",
    "begin",
    "discard",
    "drift_data",
    "estimate",
    "execute",
    "reconcile",
    "repair_drift",
    "resume",
]


def reconcile(options: Options | None = None, **values: Any) -> Report:
    """Compare every subscription of Stripe with the database, and the database with Stripe.

    Takes `Options`, or their values: `reconcile(apply=True)`.
    Writes nothing but its own record unless `options.apply`; then every repair goes through the
    same door as webhooks, with this run as its cause. Never raises for what Stripe does while it
    runs: an error is in the report, and the run is then incomplete. Raises ReconcileRefusedError
    where it must not begin, and StripeError where Stripe does not even say whose key it is.
    """
    return Report(run=execute(begin(options or Options(**values))))
