"""Drift of one-off payments and of what they grant, repaired one by one."""

from __future__ import annotations

from ...exceptions import DriftLeftError, StripeObjectMissingError
from ...models import Drift, Entitlement, Payment, SourceKind
from ...rules.drift_kinds import Kind
from ...rules.snapshots import MISSING
from ...stripe_api import fetch_payment
from ...sync import Cause, mark_payment_missing, parse_fetched, recompute_payments, sync_payment
from ..recording import mark
from .refusals import check_key
from .rows import OF_ENTITLEMENTS, OF_PAYMENTS, left_of, outcome


def repair_payment(drift: Drift, *, cause: Cause) -> str:
    """Read the payment anew, and write anew what its customer's payments grant."""
    account = drift.run.account
    stored, held = _payment_here(drift), _granted_by(drift)
    try:
        found = parse_fetched(fetch_payment(drift.object_id, account=account).data)
    except StripeObjectMissingError:
        return _not_at_stripe(drift, stored, cause=cause)
    if found is None:
        raise DriftLeftError("Stripe does not call it a completed one-off payment.")
    before = stored.snapshot(stored.items.all()) if stored else None
    sync_payment(found, account=account, cause=cause)
    after = _payment_here(drift)
    if after is not None:
        recompute_payments(customers=[after.customer_id], account=account, cause=cause)
    is_changed = after is not None and after.snapshot(after.items.all()) != before
    _settle(drift, is_changed=is_changed or _granted_by(drift) != held)
    return outcome(drift)


def _not_at_stripe(drift: Drift, stored: Payment | None, *, cause: Cause) -> str:
    """Stripe has no such payment; `stored` as it was before Stripe was asked."""
    owners = Entitlement.objects.filter(
        customer__account=drift.run.account,
        source_kind=SourceKind.PAYMENT,
        source_id=drift.object_id,
    ).values_list("customer_id", flat=True)
    if stored is None or stored.status == MISSING:
        changes = recompute_payments(customers=list(owners), account=drift.run.account, cause=cause)
        _settle(drift, is_changed=changes > 0)
        return outcome(drift)
    if drift.kind != Kind.PAYMENT_MISSING_AT_STRIPE:
        raise StripeObjectMissingError(
            "Stripe does not have the payment any more. The next run reports that, and ends"
            " what it granted."
        )
    check_key(drift.run, stored.customer)
    mark_payment_missing(stored, cause=cause)
    after = _payment_here(drift)
    if after is not None and after.status != MISSING:
        raise DriftLeftError("The payment changed here meanwhile: try it again.")
    _settle(drift, is_changed=True)
    return outcome(drift)


def _settle(drift: Drift, *, is_changed: bool) -> None:
    rows = left_of(drift).filter(kind__in=OF_PAYMENTS | OF_ENTITLEMENTS)
    mark(rows, Drift.State.REPAIRED if is_changed else Drift.State.GONE)


def _payment_here(drift: Drift) -> Payment | None:
    rows = Payment.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    return rows.select_related("customer").prefetch_related("items").first()


def _granted_by(drift: Drift) -> list[tuple[object, ...]]:
    """What the payment grants here, to be compared."""
    rows = Entitlement.objects.filter(
        customer__account=drift.run.account,
        source_kind=SourceKind.PAYMENT,
        source_id=drift.object_id,
    )
    return sorted(rows.values_list("customer_id", "feature_id", "ends_at", "limit", "reason"))


def is_of_payment(drift: Drift) -> bool:
    return _payment_here(drift) is not None or bool(_granted_by(drift))
