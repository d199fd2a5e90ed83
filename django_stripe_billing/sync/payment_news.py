"""What a one-off payment's change means to people: a signal on commit, and a receipt, once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.db import transaction

from ..emails import write_email
from ..models import CheckoutSession, Payment
from ..rules.payment_snapshots import PAID
from ..signals import payment_changed


@dataclass(frozen=True, kw_only=True)
class PaymentNews:
    """A payment's row as it was just written, and how it came to be so."""

    payment: Payment
    """Its `customer` is loaded."""
    status_before: str
    """'' when it was not known."""
    is_told: bool = False
    """By an event; a payment that was merely found may be years old."""
    has_invoice: bool = False
    """Stripe has made an invoice of it, which is what its receipt is for."""


def tell_of_payment(news: PaymentNews) -> None:
    """In the transaction that wrote the row, under the customer's lock."""
    transaction.on_commit(
        partial(
            payment_changed.send_robust,
            sender=Payment,
            payment=news.payment,
            status_before=news.status_before,
        )
    )
    if _is_receipt_due(news):
        write_email(
            "receipt",
            key=news.payment.stripe_id,
            customer=news.payment.customer,
            payment=news.payment,
            facts={"amount": news.payment.amount, "currency": news.payment.currency},
        )


def _is_receipt_due(news: PaymentNews) -> bool:
    """Paid just now: by what Stripe told, or what was awaited here."""
    payment = news.payment
    if payment.status != PAID or news.status_before == PAID or news.has_invoice:
        return False
    return payment.amount > 0 and (news.is_told or bool(news.status_before) or _is_ours(payment))


def _is_ours(payment: Payment) -> bool:
    """Whether its checkout was opened here."""
    own = CheckoutSession.objects.filter(account=payment.account, stripe_id=payment.stripe_id)
    return own.exists()
