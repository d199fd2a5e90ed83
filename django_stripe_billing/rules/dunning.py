"""Which invoices are unpaid, since when, and when a subscription's trouble begins and ends."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from .invoices import InvoiceSnapshot

TROUBLED_STATUSES = frozenset({"past_due", "unpaid"})
"""An invoice of the subscription was not paid when it should have been.
https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses"""

RECOVERED_STATUSES = frozenset({"active", "trialing"})


class Step(enum.Enum):
    """What a change of status means for dunning."""

    STARTED = "started"
    RECOVERED = "recovered"


def step(*, before: str, after: str) -> Step | None:
    """What a subscription's way from one status to another means; None for nothing.

    From `past_due` to `unpaid` the trouble goes on; an ended or paused subscription has not
    recovered.
    """
    if after in TROUBLED_STATUSES and before not in TROUBLED_STATUSES:
        return Step.STARTED
    if before in TROUBLED_STATUSES and after in RECOVERED_STATUSES:
        return Step.RECOVERED
    return None


def is_unpaid(invoice: InvoiceSnapshot) -> bool:
    """Open, with something left to pay, and either tried or to be paid until a date."""
    return (
        invoice.status == "open"
        and invoice.amount_remaining > 0
        and (invoice.attempted or invoice.attempt_count > 0 or invoice.due_date is not None)
    )


def unpaid_since(invoice: InvoiceSnapshot) -> int:
    """From when its grace counts: its due date, else its creation, in Unix seconds.

    An invoice that is sent may be paid until its due date; the subscription is `past_due` only
    then.
    """
    return invoice.created if invoice.due_date is None else invoice.due_date


def oldest_unpaid(invoices: Iterable[InvoiceSnapshot]) -> InvoiceSnapshot | None:
    """The invoice of a subscription that has waited longest, or None."""
    waiting = [invoice for invoice in invoices if is_unpaid(invoice)]
    return min(waiting, key=lambda invoice: (unpaid_since(invoice), invoice.id), default=None)
