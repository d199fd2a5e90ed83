"""From what Stripe says was paid for to what a customer may use, and until when.

Nothing here asks what time it is: the rules return ends, and only `access` compares them with
the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .json_values import LARGEST_INTEGER, LARGEST_SECOND
from .snapshots import SubscriptionItemSnapshot, SubscriptionSnapshot

PAID_STATUSES = frozenset({"trialing", "active"})
"""The statuses that Stripe calls safe to provision.
https://docs.stripe.com/billing/subscriptions/overview"""


@dataclass(frozen=True, kw_only=True)
class CatalogFeature:
    """A feature as a product includes it."""

    feature_id: str
    """Stripe's id, `feat_…`."""
    limit: int | None
    """None: without limit."""
    is_limit_per_unit: bool
    combine: str
    """`max` or `sum`: how limits of several sources combine."""
    removed_at: int | None
    """Unix seconds at which the feature was taken off the product, or None."""


@dataclass(frozen=True, kw_only=True)
class CatalogProduct:
    """What a product grants."""

    features: tuple[CatalogFeature, ...]
    grace_seconds: int | None
    """How long access outlives a failed payment; None: as the policy says."""
    access_days: int | None = None
    """The days that one unit of a one-off purchase is worth; None: for good; 0: unreadable."""


Catalog = Mapping[str, CatalogProduct]
"""Products by Stripe id."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The settings that the rules need."""

    leeway_seconds: int
    """How long access outlives the paid period while no renewal event has arrived."""
    grace_seconds: int


@dataclass(frozen=True, kw_only=True)
class Term:
    """One entitlement's substance."""

    ends_at: int | None
    """Unix seconds; None: no end."""
    limit: int | None
    """None: without limit."""
    reason: str
    """Code of the rule that set the end; see `REASONS`."""


REASONS = {
    "trial": "the trial ends then, plus the leeway for a late event",
    "paid_period": "paid until then, plus the leeway for a late event",
    "cancel_at": "the subscription is set to end then",
    "period_end": "the subscription is set to end with its period",
    "past_due_grace": "the last payment failed; this is the end of the grace period",
    "feature_removed": "the feature was taken off the product; this period still has it",
}


def wanted_entitlements(
    subscription: SubscriptionSnapshot,
    *,
    catalog: Catalog,
    policy: Policy,
    is_customer_deleted: bool = False,
    unpaid_since: int | None = None,
    is_trial_refused: bool = False,
) -> dict[str, Term]:
    """What a subscription grants, by Stripe feature id.

    `unpaid_since` is when the grace of its oldest unpaid invoice began, in Unix seconds; None while
    no such invoice is known. A status, price or product that we do not know grants nothing, and
    neither does a trial that was refused, until it is paid for.
    """
    if is_customer_deleted or (is_trial_refused and subscription.status == "trialing"):
        return {}
    wanted: dict[str, Term] = {}
    for item in subscription.items:
        product = catalog.get(item.product_id)
        if product is None or item.quantity == 0:
            continue
        for feature in product.features:
            term = _term(
                subscription,
                item,
                product=product,
                feature=feature,
                policy=policy,
                unpaid_since=unpaid_since,
            )
            if term is not None:
                held = wanted.get(feature.feature_id)
                wanted[feature.feature_id] = (
                    term if held is None else combine_terms(held, term, rule=feature.combine)
                )
    return wanted


def combine_limits(limits: Iterable[int | None], *, rule: str) -> int | None:
    """The limit that several sources give together, by `max` or `sum`; None: without limit."""
    known: list[int] = []
    for limit in limits:
        if limit is None:
            return None
        known.append(limit)
    return min(sum(known), LARGEST_INTEGER) if rule == "sum" else max(known, default=0)


def _term(
    subscription: SubscriptionSnapshot,
    item: SubscriptionItemSnapshot,
    *,
    product: CatalogProduct,
    feature: CatalogFeature,
    policy: Policy,
    unpaid_since: int | None,
) -> Term | None:
    end = _end_of_access(
        subscription, item, product=product, policy=policy, unpaid_since=unpaid_since
    )
    if end is None:
        return None
    ends_at, reason = end
    if feature.removed_at is not None:
        start, period_end = item.current_period_start, item.current_period_end
        if start is None or period_end is None or feature.removed_at < start:
            return None
        if period_end <= ends_at:
            ends_at, reason = period_end, "feature_removed"
    limit = feature.limit
    if limit is not None and feature.is_limit_per_unit:
        limit = min(limit * (1 if item.quantity is None else item.quantity), LARGEST_INTEGER)
    return Term(ends_at=min(ends_at, LARGEST_SECOND), limit=limit, reason=reason)


def _end_of_access(
    subscription: SubscriptionSnapshot,
    item: SubscriptionItemSnapshot,
    *,
    product: CatalogProduct,
    policy: Policy,
    unpaid_since: int | None,
) -> tuple[int, str] | None:
    """When access through an item ends, and by which rule; None: there is none."""
    period_end = item.current_period_end
    if unpaid_since is None:  # the invoice that is unpaid was made when its period began
        unpaid_since = item.current_period_start
    if subscription.status in PAID_STATUSES and period_end is not None:
        reason = "trial" if subscription.status == "trialing" else "paid_period"
        ends_at = period_end + policy.leeway_seconds
    elif subscription.status == "past_due" and unpaid_since is not None:
        grace = policy.grace_seconds if product.grace_seconds is None else product.grace_seconds
        reason, ends_at = "past_due_grace", unpaid_since + grace
    else:
        return None
    if subscription.cancel_at is not None:
        if subscription.cancel_at <= ends_at:
            return subscription.cancel_at, "cancel_at"
    elif subscription.cancel_at_period_end and period_end is not None and period_end <= ends_at:
        return period_end, "period_end"
    return ends_at, reason


def combine_terms(first: Term, second: Term, *, rule: str) -> Term:
    """Two items of one source that grant the same feature: the later end holds."""
    later = max(first, second, key=lambda term: _forever if term.ends_at is None else term.ends_at)
    return Term(
        ends_at=later.ends_at,
        limit=combine_limits([first.limit, second.limit], rule=rule),
        reason=later.reason,
    )


_forever = LARGEST_SECOND + 1
