"""Why a customer may use a feature, or may not: sentences for the person who is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..models import Customer, Entitlement
from .facts import Facts
from .reading import combined, latest_end
from .refusals import no_grant, no_payment
from .wording import because, past, revoked, until, up_to, when


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entitlement row, and what is known about it."""

    kind: str
    id: str
    ends_at: datetime | None
    limit: int | None
    reason: str
    """A code of `rules.entitlements.REASONS`, or of `rules.payments.REASONS`."""
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The answer to "why can this customer use that, or why not?"."""

    key: str
    is_granted: bool
    limit: int | None
    """0 when it is not granted, None when it is without limit."""
    ends_at: datetime | None
    sources: tuple[Source, ...]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def sentence(self) -> str:
        """The answer with its first reason."""
        return " ".join(self.lines[:2])


def explain(subscriber: Any, key: str, *, account: str = "") -> Explanation:
    """Why a subscriber may use a feature now, or why not. A constant number of queries.

    `account` asks about a connected account (`acct_…`) instead of the platform.
    """
    if getattr(subscriber, "pk", None) is None:
        return _nothing(key, ["Nobody is signed in, or the object is not saved: nothing granted."])
    customer = Customer.objects.filter(account=account, subscriber=subscriber).first()
    if customer is None:
        return _nothing(
            key,
            [
                f"{subscriber} has no Stripe customer: nothing was ever bought here.",
                "If they paid in Stripe directly, link that customer to them in the admin.",
            ],
        )
    return explain_customer(customer, key)


def explain_customer(customer: Customer, key: str) -> Explanation:
    """Why a customer may use a feature now, or why not. A constant number of queries."""
    return explain_features(customer, [key])[0]


def explain_features(customer: Customer, keys: Sequence[str]) -> list[Explanation]:
    """Explanations of several features in the same number of queries as of one."""
    facts = Facts(customer)
    return [_explain(facts, key) for key in keys]


def _explain(facts: Facts, key: str) -> Explanation:
    own = [row for row in facts.rows if row.feature.lookup_key == key]
    current = [
        row
        for row in own
        if not facts.customer.is_deleted and (row.ends_at is None or row.ends_at > facts.now)
    ]
    sources = tuple(
        Source(
            kind=row.source_kind,
            id=row.source_id,
            ends_at=row.ends_at,
            limit=row.limit,
            reason=row.reason,
            is_current=row in current,
        )
        for row in own
    )
    if not current:
        return _nothing(key, _why_not(facts, key, own), sources=sources)
    access = combined(current)[key]
    return Explanation(
        key=key,
        is_granted=True,
        limit=access.limit,
        ends_at=latest_end(current),
        sources=sources,
        lines=tuple(_why(facts, key, current)),
    )


def _why(facts: Facts, key: str, current: list[Entitlement]) -> list[str]:
    access = combined(current)[key]
    lines = [f"Yes: {key} may be used{until(access.ends_at)}, {up_to(access.limit)}."]
    for row in current:
        lines.append(f"{facts.source(row)} grants it{until(row.ends_at)}: {because(row.reason)}.")
        lines += facts.cause(key, row.source_id)
    if len(current) > 1:
        rule = current[0].feature.get_combine_display()
        lines.append(f"{len(current)} sources add up: the latest end, and {rule}.")
    return lines


def _why_not(facts: Facts, key: str, own: list[Entitlement]) -> list[str]:
    lines = [f"No: {key} may not be used now."]
    if facts.customer.is_deleted:
        return [*lines, f"{facts.customer} was deleted in Stripe, which ends everything."]
    if key not in facts.feature_keys:
        lines.append(f"There is no feature {key!r} in the catalog{facts.near(key)}")
        lines.append("If it is new in Stripe, run manage.py sync_catalog.")
    for row in own:
        lines.append(f"{facts.source(row)} granted it until {when(row.ends_at)}{past(row)}")
        lines += facts.cause(key, row.source_id)
    told = {row.source_id for row in own}
    for subscription in facts.subscriptions.values():
        if subscription.stripe_id not in told:
            lines.append(no_grant(facts, key, subscription))
            lines += facts.cause(key, subscription.stripe_id)
    for payment in facts.payments.values():
        if payment.stripe_id not in told:
            lines.append(no_payment(facts, key, payment))
            lines += facts.cause(key, payment.stripe_id)
    for grant in facts.grants.values():
        if grant.feature.lookup_key == key and grant.source_id not in told:
            lines.append(revoked(grant))
    if not facts.subscriptions and not facts.payments:
        lines.append(
            f"{facts.customer} has no subscription here. If Stripe shows one, its webhooks were"
            ' lost: use "Sync from Stripe", or run manage.py reconcile_entitlements.'
        )
    return lines


def _nothing(key: str, lines: list[str], *, sources: tuple[Source, ...] = ()) -> Explanation:
    return Explanation(
        key=key, is_granted=False, limit=0, ends_at=None, sources=sources, lines=tuple(lines)
    )
