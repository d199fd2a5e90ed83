"""Customers: readings from Stripe → rows."""

from __future__ import annotations

from django.db import transaction

from ..conf import settings
from ..models import Customer, Subscription
from ..rules.ordering import Interval, Verdict, join
from ..rules.snapshots import CustomerSnapshot
from .deadlocks import begun_anew
from .door import Cause
from .grants import recompute_manual_grants
from .mirror import judge_row
from .payments import recompute_payments
from .stored import lock_customers
from .subscriptions import recompute_subscriptions
from .trials import claim_known

MIRRORED = ("email", "name", "test_clock_id", "balance", "currency", "default_payment_method_id")
"""The fields that are Stripe's to say."""


@begun_anew
def apply_customer(
    snapshot: CustomerSnapshot,
    interval: Interval,
    *,
    account: str = "",
    revision: int | None = None,
    cause: Cause,
) -> Verdict:
    """Judge a reading of a customer and store it when it is newer.

    A deleted customer never comes back, and what it was granted ends. Who the subscriber
    is never comes from Stripe. `revision` is the one noted before a fetch by id.
    """
    with transaction.atomic():
        row = lock_customers([snapshot.id], account=account, livemode=settings.livemode)[
            snapshot.id
        ]
        if row.is_deleted:
            return Verdict.SAME if snapshot.is_deleted else Verdict.STALE
        if snapshot.is_deleted:
            row.is_deleted = True
            row.observe(join(row.observed, interval))
            row.save(update_fields=["is_deleted", "observed_low", "observed_high", "revision"])
            _revoke(row, cause=cause)
            return Verdict.NEWER
        same = all(getattr(row, name) == getattr(snapshot, name) for name in MIRRORED)
        verdict, joined = judge_row(row, interval, same_content=same, revision=revision)
        if verdict is Verdict.NEWER:
            has_other_email = row.email != snapshot.email
            row.livemode = snapshot.livemode
            for name in MIRRORED:
                setattr(row, name, getattr(snapshot, name))
            row.observe(joined)
            row.save()
            if has_other_email:  # Checkout and the portal write it after the claim
                claim_known(row, cause=cause)
        return verdict


def _revoke(customer: Customer, *, cause: Cause) -> None:
    ids = Subscription.objects.filter(customer=customer).values_list("stripe_id", flat=True)
    recompute_subscriptions(ids, account=customer.account, cause=cause)
    recompute_payments(customers=[customer.pk], account=customer.account, cause=cause)
    recompute_manual_grants([customer.pk], cause=cause)
