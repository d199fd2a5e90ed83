"""Writing an e-mail's row in the transaction of its cause, and sending it after the commit."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from ..models import Customer, EmailMessage, Invoice, Payment, Subscription
from .rendering import context_of, render
from .wishes import is_wanted, may_be_wanted, recipient_of_choice

logger = logging.getLogger("django_stripe_billing.emails")

Status = EmailMessage.Status

WAITED_TOO_LONG = timedelta(minutes=5)
"""A row that waits longer was left by a process that ended between its commit and the sending."""

_SECRET = re.compile(r"\b(?:(?:sk|rk|pk)_(?:test|live)|whsec)_\w+")


def write_email(
    kind: str,
    *,
    key: str,
    customer: Customer,
    invoice: Invoice | None = None,
    payment: Payment | None = None,
    subscription: Subscription | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Note an e-mail that is due, and send it when the transaction commits; once for its key.

    `key` names what there is one such e-mail for; `facts` are amounts in minor units with a
    `currency`, and moments in Unix seconds. Nothing happens where the kind is switched off, nor for
    a connected account's customer, who hears from who sold to them.
    """
    if customer.account or not may_be_wanted(kind):
        return
    row = EmailMessage(
        kind=kind,
        key=key[:255],
        account=customer.account,
        customer=customer,
        invoice=invoice,
        payment=payment,
        subscription=subscription,
        facts=dict(facts or {}),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:  # this one was written before
        return
    transaction.on_commit(partial(send_email, row.pk))


def has_email(kind: str, *, key: str, customer: Customer) -> bool:
    """Whether such an e-mail was noted for the key, and not skipped."""
    rows = EmailMessage.objects.filter(account=customer.account, kind=kind, key=key[:255])
    return rows.exclude(status=Status.SKIPPED).exists()


def turn_email(kind: str, *, into: str, key: str, customer: Customer) -> None:
    """Say something else instead, where an e-mail has not left yet and the other is wanted."""
    if not may_be_wanted(into):
        return
    own = EmailMessage.objects.filter(account=customer.account, key=key[:255])
    if not own.filter(kind=into).exists():
        unsent = own.filter(kind=kind, status__in=[Status.WAITING, Status.FAILED])
        unsent.update(kind=into)


def send_email(pk: int, *, again: bool = False) -> str:
    """Send a noted e-mail; returns its status afterwards. Never raises for what sending does.

    Only one that waits or has failed is sent, unless `again`; of two who try at once, one does.
    """
    rows = EmailMessage.objects.filter(pk=pk)
    claimed = rows if again else rows.filter(status__in=[Status.WAITING, Status.FAILED])
    if not claimed.update(status=Status.SENDING, attempts=F("attempts") + 1):
        return str(rows.values_list("status", flat=True).first() or "")
    row = rows.select_related("customer__subscriber", "invoice", "payment", "subscription").get()
    try:
        row.status, row.error = _send(row), ""
    except Exception as error:  # templates, hooks and mail servers may raise anything
        text = _SECRET.sub("[secret]", f"{type(error).__name__}: {error}")[:2000]
        logger.error("The e-mail %s was not sent: %s", row.key, text)
        row.status, row.error = Status.FAILED, text
    if row.status == Status.SENT:
        row.sent_at = timezone.now()
    row.save(update_fields=["status", "error", "recipient", "subject", "sent_at"])
    return row.status


def unsent_emails() -> QuerySet[EmailMessage]:
    """Those that failed, and those that were left waiting."""
    late = timezone.now() - WAITED_TOO_LONG
    waiting = EmailMessage.objects.filter(status=Status.WAITING, created_at__lt=late)
    return (waiting | EmailMessage.objects.filter(status=Status.FAILED)).order_by("pk")


def _send(row: EmailMessage) -> str:
    row.recipient = recipient_of_choice(row.customer, row.kind)
    if not row.recipient:
        return Status.SKIPPED
    context = context_of(row)
    if not is_wanted(row.kind, context):
        return Status.SKIPPED
    subject, text, html = render(row.kind, context)
    row.subject = subject[:255]
    message = EmailMultiAlternatives(subject, text, to=[row.recipient])
    message.attach_alternative(html, "text/html")
    message.send()
    return Status.SENT
