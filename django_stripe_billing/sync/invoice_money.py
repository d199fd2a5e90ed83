"""Refunds and disputes of what paid an invoice: readings from Stripe → the invoice's row → signals.

They change no access: a subscription grants while Stripe says that it runs.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction

from ..models import Customer, Invoice, Subscription
from ..rules.invoice_money import InvoiceMoney
from ..rules.ordering import Interval
from ..signals import invoice_disputed, invoice_refunded
from .deadlocks import begun_anew


@begun_anew
def apply_invoice_money(found: InvoiceMoney, interval: Interval, *, account: str = "") -> bool:
    """Store what was refunded and disputed, and tell of what changed; False for an older reading.

    Raises Invoice.DoesNotExist where the invoice is not stored.
    """
    with transaction.atomic():
        own = Invoice.objects.filter(account=account, stripe_id=found.invoice_id)
        Customer.objects.select_for_update().get(pk=own.values_list("customer_id").get()[0])
        invoice = own.select_related("customer").get()
        if interval.low < invoice.money_observed:
            return False
        refunded_before, status_before = invoice.amount_refunded, invoice.dispute_status
        invoice.amount_refunded = found.amount_refunded
        invoice.dispute_status = found.dispute_status
        invoice.money_observed = interval.low
        invoice.save(update_fields=["amount_refunded", "dispute_status", "money_observed"])
        if found.amount_refunded != refunded_before:
            _tell_of_refund(invoice, refunded_before)
        if found.dispute_status != status_before:
            _tell_of_dispute(invoice, status_before)
        return True


def _tell_of_refund(invoice: Invoice, refunded_before: int) -> None:
    send = partial(invoice_refunded.send_robust, sender=Invoice, refunded_before=refunded_before)
    transaction.on_commit(partial(send, invoice=invoice, subscription=_subscription(invoice)))


def _tell_of_dispute(invoice: Invoice, status_before: str) -> None:
    send = partial(invoice_disputed.send_robust, sender=Invoice, status_before=status_before)
    transaction.on_commit(partial(send, invoice=invoice, subscription=_subscription(invoice)))


def _subscription(invoice: Invoice) -> Subscription | None:
    rows = Subscription.objects.filter(account=invoice.account, stripe_id=invoice.subscription_id)
    return rows.select_related("customer").first() if invoice.subscription_id else None
