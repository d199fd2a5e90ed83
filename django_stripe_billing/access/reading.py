"""What a subscriber may use now: reads the database and the clock, nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Q, QuerySet
from django.utils import timezone

from ..models import Entitlement
from ..rules.entitlements import combine_limits

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class FeatureAccess:
    """A feature that may be used now."""

    key: str
    """The feature's lookup key."""
    limit: int | None
    """None: without limit."""
    ends_at: datetime | None
    """When the last source ends, unless it is prolonged; None: no end."""


class ByFeature(dict[str, Value]):
    """What is known of the features that may be used now, by lookup key.

    Templates look for a key first and for an attribute then: without this, a feature named `items`
    or `copy` would be granted to everybody by the method of that name.
    """

    def __missing__(self, key: str) -> None:
        if hasattr(dict, key):
            return
        raise KeyError(key)


def entitlements(subscriber: Any, *, account: str = "") -> ByFeature[FeatureAccess]:
    """What a subscriber may use now, by feature lookup key; one query.

    `subscriber` is of STRIPE_BILLING_SUBSCRIBER_MODEL. None, an anonymous user, and a subscriber
    without a customer have nothing. `account` asks for what they bought from a connected account
    (`acct_…`) instead of the platform: one never counts for the other. Raises ValueError for an
    object of another model.
    """
    if getattr(subscriber, "pk", None) is None:
        return ByFeature()
    own = current(customer__account=account, customer__subscriber=subscriber)
    return combined(own.select_related("feature"))


def has_feature(subscriber: Any, key: str, *, account: str = "") -> bool:
    """Whether a subscriber may use a feature now; one query."""
    return key in entitlements(subscriber, account=account)


def limit(subscriber: Any, key: str, *, account: str = "") -> int | None:
    """How much of a feature a subscriber may use now; one query.

    0 when it is not granted, None when it is granted without limit.
    """
    return limit_of(entitlements(subscriber, account=account), key)


def limit_of(held: dict[str, FeatureAccess], key: str) -> int | None:
    """The limit of a feature among those that are held; 0 for one that is not."""
    return held[key].limit if key in held else 0


def current(**owner: Any) -> QuerySet[Entitlement]:
    """The entitlements of customers that still count."""
    running = Q(ends_at=None) | Q(ends_at__gt=timezone.now())
    return Entitlement.objects.filter(running, customer__is_deleted=False, **owner)


def combined(rows: Iterable[Entitlement]) -> ByFeature[FeatureAccess]:
    """Several sources of one feature add up: the latest end, the limits by the feature's rule."""
    grouped: dict[str, list[Entitlement]] = defaultdict(list)
    for row in rows:
        grouped[row.feature.lookup_key].append(row)
    return ByFeature(
        {
            key: FeatureAccess(
                key=key,
                limit=combine_limits([row.limit for row in own], rule=own[0].feature.combine),
                ends_at=latest_end(own),
            )
            for key, own in grouped.items()
        }
    )


def latest_end(rows: Iterable[Entitlement]) -> datetime | None:
    """The last of the ends; None: one of them has no end."""
    ends = [row.ends_at for row in rows]
    return None if None in ends else max(end for end in ends if end is not None)
