"""Drift of subscriptions and of what they grant, repaired one by one."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from ...exceptions import DriftLeftError, StripeObjectMissingError
from ...models import Drift, Entitlement, ReconcileRun, SourceKind, Subscription
from ...rules.drift_kinds import Kind
from ...rules.snapshots import ENDED_STATUSES, MISSING
from ...stripe_api import TokenBucket
from ...sync import (
    Cause,
    SubscriptionReading,
    apply_subscriptions,
    mark_missing,
    recompute_subscriptions,
    revoke_unfounded,
)
from ..fetching import ONCE, compare_once
from ..options import Options
from ..recording import mark
from ..repairing import Repairer
from .refusals import ask_a_person, check_key
from .rows import OF_SUBSCRIPTIONS, left_of, outcome

UNTRUE = (Kind.SUBSCRIPTION_CUSTOMER, Kind.SUBSCRIPTION_MISSING_AT_STRIPE)
"""What is gone when Stripe has the subscription, for the customer that is stored here."""


def repair_subscription(drift: Drift, *, cause: Cause) -> str:
    """Look at the subscription again, and settle all that is known about it."""
    account, stripe_id = drift.run.account, drift.object_id
    stored = _stored(drift)
    strays = Entitlement.objects.filter(
        customer__account=account,
        source_kind=SourceKind.SUBSCRIPTION,
        source_id=stripe_id,
        subscription=None,
    )
    try:
        found = compare_once(stripe_id, account=account)
    except StripeObjectMissingError:
        return _not_at_stripe(drift, stored, strays, cause=cause)
    if _replace(strays, found.reading, cause=cause):
        mark(left_of(drift).filter(kind=Kind.ENTITLEMENT_EXTRA), Drift.State.REPAIRED)
        found = compare_once(stripe_id, account=account)
    left = {difference.kind for difference in found.differences}
    if Kind.SUBSCRIPTION_CUSTOMER in left:
        ask_a_person(drift, Kind.SUBSCRIPTION_CUSTOMER)
    mark(left_of(drift).filter(kind__in=UNTRUE), Drift.State.GONE)
    rows = _together(drift)
    if rows and found.differences:
        _ByHand(drift.run, cause=cause).repair([(found, rows)])
    else:
        mark(rows, Drift.State.GONE)
    return outcome(drift)


def _replace(strays: QuerySet[Entitlement], reading: SubscriptionReading, *, cause: Cause) -> bool:
    """Revoke what has no source, and grant what the source grants in the same moment."""
    with transaction.atomic():
        if not revoke_unfounded(strays, cause=cause):
            return False
        apply_subscriptions([reading], cause=cause)
        recompute_subscriptions([reading.snapshot.id], account=reading.account, cause=cause)
    return True


def _not_at_stripe(
    drift: Drift, stored: Subscription | None, strays: QuerySet[Entitlement], *, cause: Cause
) -> str:
    """Stripe has no such subscription; `stored` as it was before Stripe was asked."""
    if stored is None or stored.status in ENDED_STATUSES:
        changes = revoke_unfounded(strays, cause=cause)
        changes += recompute_subscriptions(
            [drift.object_id], account=drift.run.account, cause=cause
        )
        mark(_together(drift), Drift.State.REPAIRED if changes else Drift.State.GONE)
        return outcome(drift)
    if drift.kind != Kind.SUBSCRIPTION_MISSING_AT_STRIPE:
        raise StripeObjectMissingError(
            "Stripe does not have the subscription any more. The next run reports that, and"
            " ends it here."
        )
    check_key(drift.run, stored.customer)
    mark_missing(stored, cause=cause)
    after = _stored(drift)
    if after is not None and after.status != MISSING:
        raise DriftLeftError("The subscription changed here meanwhile: try it again.")
    mark(_together(drift), Drift.State.REPAIRED)
    return outcome(drift)


class _ByHand(Repairer):
    """A person chose what to repair, so that there is no limit, and the cause is that person."""

    def __init__(self, run: ReconcileRun, *, cause: Cause) -> None:
        super().__init__(run, Options(account=run.account), pace=TokenBucket(rate=20.0))
        self._patience = ONCE
        self.cause = cause

    def allows(self, number: int) -> bool:
        return True


def _stored(drift: Drift) -> Subscription | None:
    rows = Subscription.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    return rows.select_related("customer").first()


def _together(drift: Drift) -> list[Drift]:
    """What one repair of the subscription settles, errors of earlier attempts forgotten."""
    rows = list(left_of(drift).filter(kind__in=OF_SUBSCRIPTIONS).order_by("pk"))
    for row in rows:
        row.error = ""
    return rows
