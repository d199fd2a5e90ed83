"""Invoices: readings from Stripe → rows → what their subscriptions grant, signals, e-mails."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from ..conf import settings
from ..exceptions import CustomerConflictError
from ..models import Customer, Invoice
from ..rules.dunning import is_unpaid, unpaid_since
from ..rules.invoices import DELETED, InvoiceSnapshot, is_further
from ..rules.ordering import Interval, Verdict, join
from .deadlocks import begun_anew
from .door import Cause
from .invoice_news import InvoiceNews, Told, tell
from .mirror import judge_row
from .stored import lock_customers
from .subscriptions import recompute_subscriptions


@dataclass(frozen=True, kw_only=True)
class InvoiceReading:
    """An invoice as Stripe stated it, in an interval of Stripe's clock."""

    snapshot: InvoiceSnapshot
    interval: Interval
    account: str = ""
    revision: int | None = None
    """For a fetch by id: the stored revision that was noted before the request left."""
    is_told: bool = False
    """Stripe told of it by an event; else it was read, and may be old news."""
    told: Told | None = None
    """What the event says that happened, beyond the invoice's new state."""


@begun_anew
def apply_invoice(reading: InvoiceReading, *, cause: Cause) -> Verdict:
    """Judge a reading by the ordering rule, store it when it is newer, and write what follows.

    An invoice only ever goes on, so that of two events, or two readings of one second, the one
    which is further on is the later. AMBIGUOUS: nothing was written, the invoice must be fetched.
    """
    snapshot, account = reading.snapshot, reading.account
    with transaction.atomic():
        customer = lock_customers(
            [snapshot.customer_id], account=account, livemode=settings.livemode
        )[snapshot.customer_id]
        row = Invoice.objects.filter(account=account, stripe_id=snapshot.id).first()
        _check_owner(row, customer)
        verdict, interval = _judge(row, reading, customer)
        before = row.snapshot() if row else None
        if verdict is Verdict.NEWER:
            row = row or Invoice(account=account, stripe_id=snapshot.id, customer=customer)
            row.take(snapshot)
            row.observe(interval)
            row.save()
            _recompute(before, snapshot, account=account, cause=cause)
        if row is not None and verdict in {Verdict.NEWER, Verdict.SAME}:
            tell(
                InvoiceNews(
                    invoice=row,
                    status_before=before.status if before else "",
                    is_told=reading.is_told,
                    told=reading.told,
                )
            )
        return verdict


def delete_invoice(stripe_id: str, *, account: str = "", cause: Cause) -> Verdict:
    """A draft was deleted at Stripe: its row stays, so that a late event does not revive it."""
    with transaction.atomic():
        found = Invoice.objects.filter(account=account, stripe_id=stripe_id)
        owner = found.values_list("customer_id", flat=True).first()
        if owner is None:
            return Verdict.SAME
        customer = Customer.objects.select_for_update().get(pk=owner)
        row = found.get()
        row.customer = customer
        if row.is_final:
            return Verdict.SAME if row.status == DELETED else Verdict.STALE
        before = row.snapshot()
        row.status = DELETED
        row.revision += 1
        row.save(update_fields=["status", "revision"])
        _recompute(before, row.snapshot(), account=account, cause=cause)
        return Verdict.NEWER


def _judge(
    row: Invoice | None, reading: InvoiceReading, customer: Customer
) -> tuple[Verdict, Interval]:
    if row is None:
        return Verdict.NEWER, reading.interval
    row.customer = customer
    stored = row.snapshot()
    further = is_further(reading.snapshot, stored)
    is_read_later = not reading.is_told and reading.interval.low > row.observed_high
    if further is not None and not is_read_later:
        joined = join(row.observed, reading.interval)
        return (Verdict.NEWER if further else Verdict.STALE), joined
    return judge_row(
        row,
        reading.interval,
        same_content=reading.snapshot == stored,
        revision=reading.revision,
    )


def _recompute(
    before: InvoiceSnapshot | None, after: InvoiceSnapshot, *, account: str, cause: Cause
) -> None:
    """Write anew what the invoice's subscription grants, where its grace may have changed."""
    moved = {
        (snapshot.subscription_id, unpaid_since(snapshot))
        for snapshot in (before, after)
        if snapshot is not None and snapshot.subscription_id and is_unpaid(snapshot)
    }
    was = before is not None and is_unpaid(before)
    if len(moved) == 2 or (moved and was is not is_unpaid(after)):
        recompute_subscriptions(
            sorted({stripe_id for stripe_id, _ in moved}), account=account, cause=cause
        )


def _check_owner(row: Invoice | None, customer: Customer) -> None:
    if row is not None and row.customer_id != customer.pk:
        raise CustomerConflictError(
            f"{row.stripe_id} is stored for another customer than {customer}."
        )
