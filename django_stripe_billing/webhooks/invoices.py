"""What events about invoices do."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from ..emails import write_email
from ..models import Subscription
from ..models.mirrored import to_datetime
from ..rules.events import EventSnapshot, Subject
from ..rules.invoices import InvoiceSnapshot, parse_invoice
from ..rules.ordering import of_event
from ..signals import renewal_coming
from ..sync import InvoiceReading, Told, apply_invoice, delete_invoice
from .answers import PROCESSED, UNREADABLE, Fetches, Result, Wanted, cause, fetched_or_none, result

TOLD = {
    "invoice.payment_failed": Told.FAILED,
    "invoice.payment_action_required": Told.ACTION_REQUIRED,
}
"""What the type says that the invoice does not."""


def on_invoice(event: EventSnapshot, fetches: Fetches) -> Result:
    """Store the invoice; what its subscription grants, signals and e-mails follow from that."""
    wanted = Wanted(subject=Subject.INVOICE, id=event.object_id)
    if event.type == "invoice.deleted":
        return result(
            delete_invoice(event.object_id, account=event.account, cause=cause(event)), wanted
        )
    fetched = fetched_or_none(event, wanted, fetches)
    snapshot = parse_invoice(fetched.data if fetched else event.object)
    if snapshot is None or not snapshot.id:
        return UNREADABLE
    verdict = apply_invoice(
        InvoiceReading(
            snapshot=snapshot,
            interval=fetched.interval if fetched else of_event(event.created),
            account=event.account,
            revision=fetched.revision if fetched else None,
            is_told=True,
            told=TOLD.get(event.type),
        ),
        cause=cause(event),
    )
    return result(verdict, wanted)


def on_upcoming_invoice(event: EventSnapshot, fetches: Fetches) -> Result:
    """A subscription will renew in some days: nothing is stored, people are told."""
    snapshot = parse_invoice(event.object)
    if snapshot is None or not snapshot.subscription_id:
        return UNREADABLE
    subscription = (
        Subscription.objects.select_related("customer")
        .filter(
            account=event.account,
            stripe_id=snapshot.subscription_id,
            customer__stripe_id=snapshot.customer_id,
        )
        .first()
    )
    moment = _renewal_at(snapshot)
    if subscription is None or moment is None or snapshot.amount_due <= 0:
        return PROCESSED
    transaction.on_commit(
        partial(
            renewal_coming.send_robust,
            sender=Subscription,
            subscription=subscription,
            at=to_datetime(moment),
            amount=snapshot.amount_due,
            currency=snapshot.currency,
        )
    )
    write_email(
        "renewal_coming",
        key=f"{subscription.stripe_id} at {moment}",
        customer=subscription.customer,
        subscription=subscription,
        facts={"amount": snapshot.amount_due, "currency": snapshot.currency, "at": moment},
    )
    return PROCESSED


def _renewal_at(snapshot: InvoiceSnapshot) -> int | None:
    """When it will be charged: an hour or so after the period ends."""
    return snapshot.next_payment_attempt or snapshot.period_end
