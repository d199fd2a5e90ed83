"""Access that a person gives or takes by hand: a goodwill month, a partner, a journalist.

It goes through the one door, is nothing to Stripe, and reconcile leaves it alone.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.utils import timezone

from .checkout import customer_row
from .exceptions import GrantError
from .models import Customer, EntitlementChange, Feature, ManualGrant
from .rules.json_values import LARGEST_INTEGER
from .sync import Cause, add_manual_grant, end_manual_grant

LONGEST_REASON = 2000


def grant(
    subscriber: Any,
    feature: str,
    *,
    until: datetime | None,
    reason: str,
    by: Any,
    limit: int | None = None,
) -> ManualGrant:
    """Let a subscriber use a feature, whatever they pay; the grant.

    `feature` is a lookup key, `until` an aware datetime to come, or None for no end; `limit` None
    is without limit; `by` is the user who decides, or a name. Nothing is asked of Stripe: a
    subscriber who has no customer there needs none. Raises GrantError.
    """
    customer = customer_row(subscriber)
    return grant_to_customer(
        customer, feature, until=until, reason=reason, by=by, limit=limit, key=uuid.uuid4()
    )


def grant_to_customer(
    customer: Customer,
    feature: str,
    *,
    until: datetime | None,
    reason: str,
    by: Any,
    limit: int | None = None,
    key: uuid.UUID,
) -> ManualGrant:
    """The same for a customer's row; the same `key` twice grants once. Raises GrantError."""
    if customer.is_deleted:
        raise GrantError("The customer was deleted in Stripe, which ends everything.")
    if until is not None and (timezone.is_naive(until) or until <= timezone.now()):
        raise GrantError("The end must lie in the future, with its time zone.")
    if limit is not None and not 0 <= limit <= LARGEST_INTEGER:
        raise GrantError("The limit must be a whole number from 0.")
    name = name_of(by)
    row = ManualGrant(
        customer=customer,
        feature=find_feature(feature, account=customer.account),
        key=key,
        until=None if until is None else until.replace(microsecond=0),
        limit=limit,
        reason=checked_reason(reason),
        granted_by=name,
    )
    return add_manual_grant(row, cause=person_called(name))


def revoke(subscriber: Any, feature: str, *, reason: str, by: Any) -> list[ManualGrant]:
    """Take back what was granted to a subscriber by hand of this feature; those grants.

    What they pay for stays theirs: that is ended in Stripe. Raises GrantError without a reason.
    """
    reason = checked_reason(reason)
    rows = ManualGrant.objects.filter(
        customer__account="",
        customer__subscriber=subscriber,
        feature__lookup_key=feature,
        revoked_at=None,
    )
    return [revoke_grant(row, reason=reason, by=by) for row in rows.order_by("pk")]


def revoke_grant(row: ManualGrant, *, reason: str, by: Any) -> ManualGrant:
    """Take one grant back. Raises GrantError without a reason."""
    name = name_of(by)
    return end_manual_grant(row, reason=checked_reason(reason), by=name, cause=person_called(name))


def find_feature(key: str, *, account: str = "") -> Feature:
    """The feature of this lookup key, the active one first. Raises GrantError."""
    rows = Feature.objects.filter(account=account, lookup_key=key[:80])
    found = rows.order_by("-active", "-pk").first()
    if found is None:
        raise GrantError(f"There is no feature {key[:80]!r} in the catalog.")
    return found


def checked_reason(reason: str) -> str:
    """The reason as it is kept. Raises GrantError where there is none."""
    text = reason.strip()[:LONGEST_REASON]
    if not text:
        raise GrantError("A grant needs a reason: somebody will ask for it.")
    return text


def name_of(by: Any) -> str:
    """The person's name, as history shows it. Raises GrantError where there is none."""
    name = by.get_username() if hasattr(by, "get_username") else str(by or "")
    if not name.strip():
        raise GrantError("A grant needs somebody who decides on it.")
    return name.strip()[:255]


def person_called(name: str) -> Cause:
    return Cause(kind=EntitlementChange.Cause.PERSON, id=name)
