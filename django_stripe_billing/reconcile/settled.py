"""Drift that only a person can settle: whether that has happened by now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..exceptions import StripeObjectMissingError
from ..models import Customer, Drift, Subscription, SubscriptionItem
from ..rules.drift_kinds import Kind
from ..rules.entitlements import PAID_STATUSES
from ..rules.snapshots import ENDED_STATUSES, TERMINAL_STATUSES
from .fetching import compare_once


def is_customer_linked(drift: Drift) -> bool:
    """The customer has a subscriber, or pays for nothing any more."""
    rows = Customer.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    paying = rows.filter(subscriber=None, is_deleted=False, subscriptions__status__in=PAID_STATUSES)
    return not paying.exists()


def is_customer_restored(drift: Drift) -> bool:
    """The customer is not deleted here, or Stripe has ended the subscription. May ask Stripe."""
    rows = Subscription.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    if not rows.filter(customer__is_deleted=True).exists():
        return True
    try:
        found = compare_once(drift.object_id, account=drift.run.account)
    except StripeObjectMissingError:
        return True
    return found.reading.snapshot.status in TERMINAL_STATUSES


def is_paid_once(drift: Drift) -> bool:
    """The customer has one running subscription to the product at most."""
    running = SubscriptionItem.objects.filter(
        subscription__customer__account=drift.run.account,
        subscription__customer__stripe_id=drift.customer_id,
        product_id=drift.subject,
    ).exclude(subscription__status__in=[*ENDED_STATUSES, "incomplete"])
    return running.values("subscription_id").distinct().count() < 2


SETTLED: Mapping[Kind, Callable[[Drift], bool]] = {
    Kind.CUSTOMER_DELETED: is_customer_restored,
    Kind.CUSTOMER_DUPLICATE: is_customer_linked,
    Kind.CUSTOMER_UNLINKED: is_customer_linked,
    Kind.SUBSCRIPTION_DUPLICATE: is_paid_once,
}
"""The kinds of which this can be told."""
