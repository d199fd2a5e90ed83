"""What each signal carries, for type checkers.

@receiver(signals.invoice_paid)
def thank(sender: type[Invoice], **given: Unpack[InvoicePaid]) -> None: ...
"""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from django.dispatch import Signal

from .models import (
    Customer,
    EntitlementChange,
    Feature,
    Invoice,
    Payment,
    ReconcileRun,
    Subscription,
)


class Sent(TypedDict):
    """What every signal carries."""

    signal: Signal


class EntitlementChanged(Sent):
    customer: Customer
    feature: Feature
    change: EntitlementChange


class SubscriptionChanged(Sent):
    subscription: Subscription
    status_before: str
    """'' when it is new here."""


class SubscriptionNews(Sent):
    subscription: Subscription


class AccessEnding(Sent):
    subscription: Subscription
    ends_at: datetime
    reason: str
    """`past_due_grace`, `cancel_at` or `period_end`."""


class InvoicePaid(Sent):
    invoice: Invoice


class PaymentFailed(Sent):
    invoice: Invoice
    attempt: int
    """Stripe's count: the first attempt, and its own retries."""


class PaymentActionRequired(Sent):
    invoice: Invoice


class InvoiceRefunded(Sent):
    invoice: Invoice
    """Its `amount_refunded` is what all refunds come to."""
    subscription: Subscription | None
    """None for an invoice without one."""
    refunded_before: int
    """In minor units; more than now where a refund has failed."""


class InvoiceDisputed(Sent):
    invoice: Invoice
    """Its `dispute_status` is Stripe's word."""
    subscription: Subscription | None
    """None for an invoice without one."""
    status_before: str
    """'' where there was no dispute."""


class RenewalComing(Sent):
    subscription: Subscription
    at: datetime
    amount: int
    """In minor units of the currency."""
    currency: str


class PaymentChanged(Sent):
    payment: Payment
    status_before: str
    """'' when it is new here."""


class TrialWillEnd(Sent):
    subscription: Subscription
    trial_end_at: datetime


class DriftFound(Sent):
    run: ReconcileRun


TYPES: dict[str, type] = {
    "entitlement_granted": EntitlementChanged,
    "entitlement_changed": EntitlementChanged,
    "entitlement_revoked": EntitlementChanged,
    "subscription_changed": SubscriptionChanged,
    "subscription_ended": SubscriptionNews,
    "dunning_started": SubscriptionNews,
    "dunning_recovered": SubscriptionNews,
    "access_ending": AccessEnding,
    "invoice_paid": InvoicePaid,
    "payment_failed": PaymentFailed,
    "payment_action_required": PaymentActionRequired,
    "invoice_refunded": InvoiceRefunded,
    "invoice_disputed": InvoiceDisputed,
    "renewal_coming": RenewalComing,
    "payment_changed": PaymentChanged,
    "trial_will_end": TrialWillEnd,
    "drift_found": DriftFound,
}
"""By the signal's name."""
