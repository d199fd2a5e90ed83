"""Entitlements of subscriptions that are gone, ended, or unknown here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from django.db import transaction
from django.db.models import Q

from ..exceptions import StripeObjectMissingError
from ..models import Drift, Entitlement, ReconcileRun, SourceKind, Subscription
from ..rules.drift import Difference
from ..rules.drift_kinds import Kind
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import Pace
from ..sync import (
    Cause,
    SubscriptionReading,
    apply_subscriptions,
    read_subscription,
    recompute_subscriptions,
    revoke_unfounded,
)
from .chunks import customers_of, in_chunks
from .options import Options
from .ownership import beat
from .patience import Patience
from .recording import drift_row, forget_repaired, mark, record
from .repairing import Repairer, stopped

UNFOUNDED = "nothing that would grant it"
"""What is written at Stripe's side of an entitlement without a source."""


class UnfoundedEntitlements:
    """Finds what nothing grants, and revokes it, unless Stripe has its source after all."""

    def __init__(
        self, run: ReconcileRun, options: Options, *, repairer: Repairer, pace: Pace
    ) -> None:
        self._run = run
        self._options = options
        self._account = options.account
        self._repairer = repairer
        self._cause = Cause(kind="reconcile", id=str(run.pk))
        self._patience = Patience(pace)

    def work(self) -> None:
        """Record and repair them; two queries for each 500, and a call for each unknown source."""
        kind = Kind.ENTITLEMENT_EXTRA
        if not self._options.wants(kind):
            return
        rows = (
            Entitlement.objects.filter(
                customer__in=customers_of(self._options), source_kind=SourceKind.SUBSCRIPTION
            )
            .filter(Q(subscription=None) | Q(subscription__status__in=ENDED_STATUSES))
            .select_related("customer__subscriber", "feature", "subscription")
        )
        for chunk in in_chunks(rows):
            drift = record(
                [
                    drift_row(
                        self._run,
                        Difference(
                            kind=kind,
                            here=f"{row.feature.lookup_key}: granted",
                            stripe=UNFOUNDED,
                            subject=row.feature.lookup_key,
                        ),
                        object_id=row.source_id,
                        customer=row.customer,
                    )
                    for row in chunk
                ]
            )
            self._repair(drift, len({row.source_id for row in chunk}), self._revoking(chunk))
        forget_repaired(self._run, kind, stripe=UNFOUNDED)

    def _revoking(self, rows: Sequence[Entitlement]) -> Callable[[], None]:
        """Revoke what has no source; one that Stripe has after all is stored in the same moment."""

        def revoke() -> None:
            loose = [row for row in rows if row.subscription_id is None]
            lost = self._lost_sources({row.source_id for row in loose})
            with transaction.atomic():
                revoke_unfounded(loose, cause=self._cause)
                apply_subscriptions(lost, cause=self._cause)
                founded = {row.subscription.stripe_id for row in rows if row.subscription}
                again = {row.source_id for row in loose} | founded
                recompute_subscriptions(again, account=self._account, cause=self._cause)

        return revoke

    def _lost_sources(self, source_ids: set[str]) -> list[SubscriptionReading]:
        """Subscriptions that are not stored, and that Stripe has: it is asked before."""
        own = Subscription.objects.filter(account=self._account, stripe_id__in=source_ids)
        known = set(own.values_list("stripe_id", flat=True))
        found = []
        for source_id in sorted(source_ids - known):
            beat(self._run)
            try:
                found.append(
                    self._patience(partial(read_subscription, source_id, account=self._account))
                )
            except StripeObjectMissingError:
                continue
        return found

    def _repair(self, drift: list[Drift], number: int, repair: Callable[[], object]) -> None:
        if not drift or not self._run.is_applying:
            return
        if not self._repairer.allows(number):
            mark(drift, Drift.State.FOUND, error=stopped(self._repairer.limit))
        elif self._repairer.attempt(drift, repair):
            mark(drift, Drift.State.REPAIRED)
