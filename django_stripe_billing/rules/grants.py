"""What a person gave by hand, as an entitlement."""

from __future__ import annotations

from .entitlements import Term
from .json_values import LARGEST_SECOND

REASONS = {"granted_by_hand": "a person gave it"}


def wanted_by_grant(
    *, until: int | None, limit: int | None, is_revoked: bool, is_customer_deleted: bool
) -> Term | None:
    """The term of a grant by hand; None where it grants nothing any more.

    `until` in Unix seconds; None: no end. What Stripe says of money has no part in it, but a
    customer that was deleted there has nothing.
    """
    if is_revoked or is_customer_deleted:
        return None
    ends_at = None if until is None else min(until, LARGEST_SECOND)
    return Term(ends_at=ends_at, limit=limit, reason="granted_by_hand")
