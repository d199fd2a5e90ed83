"""Customers that Stripe has deleted, settled one by one."""

from __future__ import annotations

from ...exceptions import StripeObjectMissingError
from ...models import Customer, Drift
from ...rules.ordering import Interval
from ...rules.snapshots import deleted_customer
from ...sync import Cause, apply_customer, sync_customer
from ..recording import mark
from .refusals import check_key
from .rows import outcome


def repair_customer(drift: Drift, *, cause: Cause) -> str:
    """Read the customer anew; one that is deleted loses what it was granted."""
    account = drift.run.account
    rows = Customer.objects.filter(account=account, stripe_id=drift.object_id, is_deleted=False)
    customer = rows.first()
    if customer is None:
        mark([drift], Drift.State.GONE)
        return outcome(drift)
    try:
        sync_customer(customer, cause=cause)
    except StripeObjectMissingError:
        check_key(drift.run, customer)
        snapshot, interval = deleted_customer(drift.object_id), Interval(low=0, high=0)
        apply_customer(snapshot, interval, account=account, cause=cause)
    mark([drift], Drift.State.GONE if rows.exists() else Drift.State.REPAIRED)
    return outcome(drift)
