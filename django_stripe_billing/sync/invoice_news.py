"""What an invoice's change means to people: signals on commit, and e-mails, once."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import partial

from django.db import transaction

from ..emails import has_email, turn_email, write_email
from ..models import Invoice
from ..models.mirrored import to_second
from ..signals import invoice_paid, payment_action_required, payment_failed


class Told(enum.Enum):
    """What only an event's type says: the invoice itself does not."""

    FAILED = "failed"
    ACTION_REQUIRED = "action_required"


@dataclass(frozen=True, kw_only=True)
class InvoiceNews:
    """An invoice's row as it was just written, and how it came to be so."""

    invoice: Invoice
    """Its `customer` is loaded."""
    status_before: str
    """'' when the row is new."""
    is_told: bool
    """By an event; an invoice that was merely found paid may have been so for years."""
    told: Told | None


def tell(news: InvoiceNews) -> None:
    """Send what is due, once for each attempt and each payment.

    In the transaction that wrote the row, under the customer's lock; signals and e-mails leave when
    it commits.
    """
    invoice = news.invoice
    is_new_payment = invoice.status == "paid" and news.status_before != "paid"
    if is_new_payment and (news.status_before or news.is_told):
        _tell_of_payment(invoice)
    if invoice.status != "open" or news.told is None:
        return
    _TELL[news.told](invoice)


def _tell_of_payment(invoice: Invoice) -> None:
    transaction.on_commit(partial(invoice_paid.send_robust, sender=Invoice, invoice=invoice))
    if invoice.amount_paid > 0:
        write_email(
            "receipt",
            key=invoice.stripe_id,
            customer=invoice.customer,
            invoice=invoice,
            facts={"amount": invoice.amount_paid, "currency": invoice.currency},
        )


def _tell_of_failure(invoice: Invoice) -> None:
    if invoice.failed_attempt is not None and invoice.failed_attempt >= invoice.attempt_count:
        return
    invoice.failed_attempt = invoice.attempt_count
    invoice.save(update_fields=["failed_attempt"])
    send = partial(payment_failed.send_robust, sender=Invoice, attempt=invoice.attempt_count)
    transaction.on_commit(partial(send, invoice=invoice))
    if not has_email("action_required", key=_attempt(invoice), customer=invoice.customer):
        _write_about_unpaid("payment_failed", invoice)


def _tell_of_action(invoice: Invoice) -> None:
    if invoice.action_attempt is not None and invoice.action_attempt >= invoice.attempt_count:
        return
    invoice.action_attempt = invoice.attempt_count
    invoice.save(update_fields=["action_attempt"])
    transaction.on_commit(
        partial(payment_action_required.send_robust, sender=Invoice, invoice=invoice)
    )
    key, customer = _attempt(invoice), invoice.customer
    turn_email("payment_failed", into="action_required", key=key, customer=customer)
    if not has_email("payment_failed", key=key, customer=customer):
        _write_about_unpaid("action_required", invoice)


def _attempt(invoice: Invoice) -> str:
    """What there is one e-mail for, of either kind."""
    return f"{invoice.stripe_id} attempt {invoice.attempt_count}"


def _write_about_unpaid(kind: str, invoice: Invoice) -> None:
    write_email(
        kind,
        key=_attempt(invoice),
        customer=invoice.customer,
        invoice=invoice,
        facts={
            "amount": invoice.amount_remaining,
            "currency": invoice.currency,
            "next_attempt": to_second(invoice.next_payment_attempt_at),
        },
    )


_TELL = {Told.FAILED: _tell_of_failure, Told.ACTION_REQUIRED: _tell_of_action}
