"""The rows of drift that are settled together, and the sentence for what came of them."""

from __future__ import annotations

from django.db.models import QuerySet

from ...exceptions import DriftLeftError
from ...models import Drift, ReconcileRun
from ...rules.drift_kinds import MEANINGS, Kind

LEFT = (Drift.State.FOUND, Drift.State.FAILED)

OF_SUBSCRIPTIONS = frozenset(
    kind
    for kind in Kind
    if kind.startswith(("subscription_", "entitlement_")) and MEANINGS[kind].repair
) | {Kind.CUSTOMER_MISSING}
"""Their object is a subscription, and one repair of it settles all of them."""

OF_PAYMENTS = frozenset(kind for kind in Kind if kind.startswith("payment_"))
OF_ENTITLEMENTS = frozenset(kind for kind in Kind if kind.startswith("entitlement_"))
"""Their object is a subscription or a payment."""

OF_CATALOG = frozenset(
    {
        Kind.PRODUCT_DIFFERS,
        Kind.PRICE_DIFFERS,
        Kind.FEATURE_DIFFERS,
        Kind.PRICE_UNKNOWN,
        Kind.FEATURE_UNKNOWN,
        Kind.FEATURE_DISAGREEMENT,
    }
)
"""One mirroring of the catalog settles all of them."""

OF_EVENTS = frozenset({Kind.EVENT_FAILED, Kind.EVENT_STUCK, Kind.EVENT_MISSED})

GONE = "It does not differ any more: nothing was done."
REPAIRED = "repaired"


def left_of(drift: Drift) -> QuerySet[Drift]:
    """What is left of the run about the same object."""
    return Drift.objects.filter(run=drift.run, object_id=drift.object_id, state__in=LEFT)


def outcome(drift: Drift) -> str:
    """The sentence for what the rows say now. Raises DriftLeftError when it is left."""
    drift.refresh_from_db(fields=["state", "error"])
    if drift.is_left:
        raise DriftLeftError(drift.error or "It differs still.")
    return REPAIRED if drift.state == Drift.State.REPAIRED else GONE


def count_left(run: ReconcileRun) -> None:
    """The run's count of what is left is that of its rows, also after it has ended."""
    left = Drift.objects.filter(run=run, state__in=LEFT).count()
    ReconcileRun.objects.filter(pk=run.pk, active_for=None).update(drift_left=left)
