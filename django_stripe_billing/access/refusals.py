"""Why a subscription or a payment does not grant a feature."""

from __future__ import annotations

from ..conf import settings
from ..models import Payment, Subscription
from ..rules import payments
from ..rules.entitlements import PAID_STATUSES
from ..rules.payment_snapshots import PAID
from .facts import Facts
from .wording import when

STATUSES = {
    "incomplete": "its first payment is still missing",
    "incomplete_expired": "its first payment never came, so Stripe gave it up",
    "past_due": "its last payment failed",
    "unpaid": "its payments failed, and Stripe tries no more until an invoice is paid",
    "canceled": "it has ended",
    "missing": "Stripe does not have it (any more)",
    "paused": "it is paused, and must be resumed in Stripe or in the portal",
}
"""Why a status grants nothing, or not for long."""

PAYMENT_STATUSES = {
    "": "it was not read from Stripe yet",
    "unpaid": "the money is under way, as with a bank debit that takes days",
    "failed": "the bank refused it",
    "missing": "Stripe does not have it (any more)",
}


def no_grant(facts: Facts, key: str, subscription: Subscription) -> str:
    status = subscription.status
    name = f"{subscription.stripe_id} is {status}"
    if status not in PAID_STATUSES and status != "past_due":
        return f"{name}: {STATUSES.get(status, 'a status that this version does not know')}."
    if status == "trialing" and subscription.is_trial_refused:
        return (
            f"{name}, and refused: its card or e-mail address had a trial before."
            " It grants once it is paid."
        )
    products = {item.product_id for item in subscription.items.all()}
    links = [link for link in facts.links if link.product.stripe_id in products]
    sold = ", ".join(sorted({str(link.product) for link in links} or products)) or "nothing"
    for link in links:
        if link.feature.lookup_key == key:
            if link.removed_at is not None:
                return f"{name}, but {key} was taken off {link.product} on {when(link.removed_at)}."
            return f"{name}, and {link.product} includes {key}: run reconcile_entitlements."
    return f"{name}, but it is for {sold}, which does not include {key}."


def no_payment(facts: Facts, key: str, payment: Payment) -> str:
    name = f"Payment {payment.stripe_id} is {payment.status or 'new'}"
    if payment.status != PAID:
        told = PAYMENT_STATUSES.get(payment.status, "a status that this version does not know")
        return f"{name}: {told}."
    snapshot, policy = payment.snapshot(payment.items.all()), settings.payment_policy
    if payments.is_refunded(snapshot, policy):
        return f"{name}, and refunded: {payments.REFUND_POLICIES.get(policy.refunds, '')}."
    if payments.is_disputed(snapshot, policy):
        rule = payments.DISPUTE_POLICIES.get(policy.disputes, "")
        return f"{name}, and its dispute is {payment.dispute_status}: {rule}."
    products = {item.product_id for item in payment.items.all()}
    links = [link for link in facts.links if link.product.stripe_id in products]
    if any(link.feature.lookup_key == key and link.removed_at is None for link in links):
        later = [
            row.source_id
            for row in facts.rows
            if row.feature.lookup_key == key and row.reason == "bought_days"
        ]
        if later:
            return f"{name}; its days are counted with those of {later[-1]}."
        return f"{name}, and includes {key}: run reconcile_entitlements."
    sold = ", ".join(sorted({str(link.product) for link in links} or products)) or "nothing"
    return f"{name}, but it is for {sold}, which does not include {key}."
