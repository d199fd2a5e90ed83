"""Grants by hand: rows → entitlements, through the one door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils import timezone

from ..models import Customer, Entitlement, Feature, ManualGrant, SourceKind
from ..rules.grants import wanted_by_grant
from .door import Cause, Grant, move_history, write_entitlements


def add_manual_grant(grant: ManualGrant, *, cause: Cause) -> ManualGrant:
    """Save a new grant, and write what its customer has by hand; the row.

    One whose key is known already is that one: a form that is sent twice grants once.
    """
    with transaction.atomic():
        customer = Customer.objects.select_for_update().get(pk=grant.customer_id)
        known = ManualGrant.objects.filter(key=grant.key, customer=customer).first()
        if known is not None:
            return known
        grant.save()
        _write([customer], cause=cause)
    return grant


def end_manual_grant(grant: ManualGrant, *, reason: str, by: str, cause: Cause) -> ManualGrant:
    """Revoke a grant, and write what its customer has by hand; the row, as it is then.

    One that was revoked before stays as it was.
    """
    with transaction.atomic():
        customer = Customer.objects.select_for_update().get(pk=grant.customer_id)
        row = ManualGrant.objects.get(pk=grant.pk)
        if row.revoked_at is None:
            row.revoked_at, row.revoked_by, row.revoke_reason = timezone.now(), by, reason
            row.save(update_fields=["revoked_at", "revoked_by", "revoke_reason"])
            _write([customer], cause=cause)
    return row


def move_manual_grants(source: Customer, target: Customer, *, cause: Cause) -> None:
    """Give a customer what was granted by hand to a row that goes; both are locked."""
    if ManualGrant.objects.filter(customer=source).update(customer=target):
        move_history(source, target)
        _write([source, target], cause=cause)


def recompute_manual_grants(customers: Iterable[int], *, cause: Cause) -> int:
    """Write anew what these customers (primary keys) have by hand; returns the changes made."""
    with transaction.atomic():
        rows = Customer.objects.select_for_update().filter(pk__in=list(customers))
        return _write(list(rows.order_by("pk")), cause=cause)


def _write(customers: Sequence[Customer], *, cause: Cause) -> int:
    """The caller holds the customers' locks; a constant number of queries."""
    held: dict[tuple[int, str], list[Entitlement]] = defaultdict(list)
    features: dict[int, Feature] = {}
    own = Entitlement.objects.filter(customer__in=customers, source_kind=SourceKind.MANUAL)
    for row in own.select_related("feature"):
        held[row.customer_id, row.source_id].append(row)
        features[row.feature_id] = row.feature
    by_pk = {customer.pk: customer for customer in customers}
    grants = []
    for grant in ManualGrant.objects.filter(customer__in=customers).select_related("feature"):
        customer = by_pk[grant.customer_id]
        features[grant.feature_id] = grant.feature
        term = wanted_by_grant(
            until=grant.until_second,
            limit=grant.limit,
            is_revoked=grant.revoked_at is not None,
            is_customer_deleted=customer.is_deleted,
        )
        grants.append(
            Grant(
                customer=customer,
                source_kind=SourceKind.MANUAL,
                source_id=grant.source_id,
                subscription=None,
                terms={} if term is None else {grant.feature_id: term},
                held=tuple(held.pop((customer.pk, grant.source_id), ())),
            )
        )
    grants += [
        Grant(
            customer=by_pk[customer_pk],
            source_kind=SourceKind.MANUAL,
            source_id=source_id,
            subscription=None,
            terms={},
            held=tuple(rows),
        )
        for (customer_pk, source_id), rows in held.items()
    ]
    return len(write_entitlements(grants, cause=cause, features=features))
