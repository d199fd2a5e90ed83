"""Invoices, the payment method on file and the credit of a subscriber: their own alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from .exceptions import InvoiceNotFoundError
from .models import Customer, Invoice
from .money import formatted
from .rules.invoices import DELETED
from .sync import fetch_payment_method


@dataclass(frozen=True, kw_only=True)
class PaymentMethod:
    """What is charged, as far as its owner is shown it."""

    type: str
    """`card`, `sepa_debit`, …"""
    brand: str
    """`visa`, …, or a bank's name; '' where there is none."""
    last4: str
    exp_month: int | None
    exp_year: int | None


@dataclass(frozen=True, kw_only=True)
class Credit:
    """What the next invoices use up, in minor units."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return formatted(self.amount, self.currency) if self.currency else ""


def invoices_of(subscriber: Any) -> QuerySet[Invoice]:
    """The subscriber's invoices, newest first, without drafts; for lists and pages.

    None and an anonymous user have none.
    """
    if getattr(subscriber, "pk", None) is None:
        return Invoice.objects.none()
    own = Invoice.objects.filter(account="", customer__subscriber=subscriber)
    return own.exclude(status__in=["draft", DELETED]).order_by("-stripe_created_at", "-pk")


def invoice_of(subscriber: Any, stripe_id: str) -> Invoice:
    """One of the subscriber's invoices. Raises InvoiceNotFoundError for another's, too."""
    is_id = "\0" not in stripe_id  # which PostgreSQL would not even be asked for
    found = invoices_of(subscriber).filter(stripe_id=stripe_id).first() if is_id else None
    if found is None:
        raise InvoiceNotFoundError("There is no such invoice.")
    return found


def payment_method_of(
    subscriber: Any, *, before_asking: Callable[[], None] = lambda: None
) -> PaymentMethod | None:
    """What will be charged; None where nothing is on file.

    Kept up to date by webhooks; where nothing is known Stripe is asked, at most two calls. Raises
    StripeError, what `before_asking` raises, and then RuntimeError inside a transaction.
    """
    customer = _customer_of(subscriber)
    if customer is None or not customer.stripe_id:
        return None
    if not customer.is_payment_method_known:
        before_asking()
        customer = fetch_payment_method(customer)
    if not customer.is_payment_method_known:
        return None
    return PaymentMethod(
        type=customer.payment_method_type,
        brand=customer.payment_method_brand,
        last4=customer.payment_method_last4,
        exp_month=customer.payment_method_exp_month,
        exp_year=customer.payment_method_exp_year,
    )


def credit_of(subscriber: Any) -> Credit | None:
    """The credit that Stripe keeps for the subscriber; None where there is none. One query."""
    customer = _customer_of(subscriber)
    if customer is None or not customer.credit:
        return None
    return Credit(amount=customer.credit, currency=customer.currency)


def _customer_of(subscriber: Any) -> Customer | None:
    if getattr(subscriber, "pk", None) is None:
        return None
    return Customer.objects.filter(account="", subscriber=subscriber, is_deleted=False).first()
