"""The one door: the only function that writes entitlement rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from ..models import Customer, Entitlement, EntitlementChange, Feature, Subscription
from ..rules.changes import Change, ChangeKind, changes
from ..rules.entitlements import Term
from ..signals import entitlement_changed, entitlement_granted, entitlement_revoked
from .insertion import insert
from .rows import update_rows


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What made a change: an event, a reconcile run, the catalog, a checkout, or a person."""

    kind: str
    """One of `EntitlementChange.Cause`."""
    id: str = ""
    """The event's Stripe id, the run's number, the session's id, or the person's name."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """All that one source grants to one customer: rows that are not in `terms` go."""

    customer: Customer
    source_kind: str
    source_id: str
    subscription: Subscription | None
    """The source's row, where the source is a subscription."""
    terms: Mapping[int, Term]
    """By `Feature` primary key."""
    held: tuple[Entitlement, ...]
    """The source's rows as they are, read under the customer's lock."""


FIELDS = [field.name for field in dataclass_fields(Term)]
"""The columns that a term fills."""

SIGNALS: dict[str, Signal] = {
    ChangeKind.GRANTED: entitlement_granted,
    ChangeKind.CHANGED: entitlement_changed,
    ChangeKind.REVOKED: entitlement_revoked,
}


def write_entitlements(
    grants: Iterable[Grant], *, cause: Cause, features: Mapping[int, Feature]
) -> list[EntitlementChange]:
    """Make the rows of each source equal to what it grants, and record each difference.

    The caller holds the locks of the customers, in a transaction; the signals are sent when that
    commits. `features` holds the rows of the features that are granted, so that a signal needs no
    query.
    """
    created: list[Entitlement] = []
    updated: list[Entitlement] = []
    deleted: list[int] = []
    recorded: list[EntitlementChange] = []
    fields: set[str] = set()
    for grant in grants:
        rows = {row.feature_id: row for row in grant.held}
        for step in _steps(rows, grant.terms):
            feature_pk = int(step.feature_id)
            recorded.append(_record(grant, step, cause=cause))
            if step.after is None:
                deleted.append(rows[feature_pk].pk)
                continue
            row = rows.get(feature_pk) or Entitlement(
                customer=grant.customer,
                feature_id=feature_pk,
                source_kind=grant.source_kind,
                source_id=grant.source_id,
                subscription=grant.subscription,
            )
            row.take(step.after)
            if step.before is not None:
                fields |= {name for name in FIELDS if _differs(step, name)}
            (updated if row.pk else created).append(row)
    if deleted:
        Entitlement.objects.filter(pk__in=deleted).delete()
    insert(created)
    update_rows(updated, sorted(fields))
    if recorded:
        insert(recorded)
        transaction.on_commit(partial(_announce, recorded, dict(features)))
    return recorded


def move_history(source: Customer, target: Customer) -> None:
    """Give a customer the changes that are recorded of a row that goes."""
    EntitlementChange.objects.filter(customer=source).update(customer=target)


def _differs(step: Change, name: str) -> bool:
    return bool(getattr(step.before, name) != getattr(step.after, name))


def _steps(rows: Mapping[int, Entitlement], terms: Mapping[int, Term]) -> list[Change]:
    return changes(
        current={str(pk): row.term for pk, row in rows.items()},
        wanted={str(pk): term for pk, term in terms.items()},
    )


def _record(grant: Grant, step: Change, *, cause: Cause) -> EntitlementChange:
    return EntitlementChange(
        customer=grant.customer,
        feature_id=int(step.feature_id),
        kind=step.kind,
        source_kind=grant.source_kind,
        source_id=grant.source_id,
        before=step.before and _data(step.before),
        after=step.after and _data(step.after),
        cause_kind=cause.kind,
        cause_id=cause.id[:255],
    )


def _data(term: Term) -> dict[str, Any]:
    return {"ends_at": term.ends_at, "limit": term.limit, "reason": term.reason}


def _announce(recorded: list[EntitlementChange], features: dict[int, Feature]) -> None:
    if not any(signal.has_listeners(Entitlement) for signal in SIGNALS.values()):
        return
    for change in recorded:
        if change.feature_id in features:
            change.feature = features[change.feature_id]
        SIGNALS[change.kind].send_robust(
            sender=Entitlement, customer=change.customer, feature=change.feature, change=change
        )
