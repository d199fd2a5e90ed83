"""Why a customer may use a feature, or may not: sentences for the person who is asked."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from ..conf import settings
from ..models import (
    Customer,
    Entitlement,
    EntitlementChange,
    Feature,
    ManualGrant,
    Payment,
    ProductFeature,
    SourceKind,
    Subscription,
    SubscriptionItem,
)
from ..rules import grants, payments
from ..rules.entitlements import PAID_STATUSES, REASONS
from ..rules.payment_snapshots import PAID
from .reading import combined, latest_end

STATUSES = {
    "incomplete": "its first payment is still missing",
    "incomplete_expired": "its first payment never came, so Stripe gave it up",
    "past_due": "its last payment failed",
    "unpaid": "its payments failed, and Stripe tries no more until an invoice is paid",
    "canceled": "it has ended",
    "missing": "Stripe does not have it (any more)",
    "paused": "it is paused, and must be resumed in Stripe or in the portal",
}
"""Why a status grants nothing, or not for long."""

PAYMENT_STATUSES = {
    "": "it was not read from Stripe yet",
    "unpaid": "the money is under way, as with a bank debit that takes days",
    "failed": "the bank refused it",
    "missing": "Stripe does not have it (any more)",
}


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
    facts = _Facts(customer)
    return [facts.explain(key) for key in keys]


class _Facts:
    """All that is stored about a customer, read once."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.now = timezone.now()
        self.rows = list(
            Entitlement.objects.filter(customer=customer).select_related("feature").order_by("pk")
        )
        self.subscriptions = {
            row.stripe_id: row
            for row in Subscription.objects.filter(customer=customer).prefetch_related("items")
        }
        self.payments = {
            row.stripe_id: row
            for row in Payment.objects.filter(customer=customer).prefetch_related("items")
        }
        for row in self.payments.values():
            row.customer = customer
        products = {item.product_id for item in self._items()} | {
            item.product_id for row in self.payments.values() for item in row.items.all()
        }
        self.links = list(
            ProductFeature.objects.filter(
                product__account=customer.account, product__stripe_id__in=products
            ).select_related("product", "feature")
        )
        self.feature_keys = set(
            Feature.objects.filter(account=customer.account).values_list("lookup_key", flat=True)
        )
        self.grants = {
            row.source_id: row
            for row in ManualGrant.objects.filter(customer=customer).select_related("feature")
        }
        self.changes: dict[tuple[str, str], EntitlementChange] = {}
        for change in (
            EntitlementChange.objects.filter(customer=customer)
            .select_related("feature")
            .order_by("pk")
        ):
            self.changes[change.feature.lookup_key, change.source_id] = change

    def _items(self) -> list[SubscriptionItem]:
        return [item for row in self.subscriptions.values() for item in row.items.all()]

    def explain(self, key: str) -> Explanation:
        own = [row for row in self.rows if row.feature.lookup_key == key]
        current = [
            row
            for row in own
            if not self.customer.is_deleted and (row.ends_at is None or row.ends_at > self.now)
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
            return _nothing(key, self._why_not(key, own), sources=sources)
        access = combined(current)[key]
        return Explanation(
            key=key,
            is_granted=True,
            limit=access.limit,
            ends_at=latest_end(current),
            sources=sources,
            lines=tuple(self._why(key, current)),
        )

    def _why(self, key: str, current: list[Entitlement]) -> list[str]:
        access = combined(current)[key]
        lines = [f"Yes: {key} may be used{_until(access.ends_at)}, {_limit(access.limit)}."]
        for row in current:
            lines.append(
                f"{self._source(row)} grants it{_until(row.ends_at)}: {_reason(row.reason)}."
            )
            lines += self._cause(key, row.source_id)
        if len(current) > 1:
            rule = current[0].feature.get_combine_display()
            lines.append(f"{len(current)} sources add up: the latest end, and {rule}.")
        return lines

    def _why_not(self, key: str, own: list[Entitlement]) -> list[str]:
        lines = [f"No: {key} may not be used now."]
        if self.customer.is_deleted:
            return [*lines, f"{self.customer} was deleted in Stripe, which ends everything."]
        if key not in self.feature_keys:
            lines.append(f"There is no feature {key!r} in the catalog{self._near(key)}")
            lines.append("If it is new in Stripe, run manage.py sync_catalog.")
        for row in own:
            lines.append(f"{self._source(row)} granted it until {_moment(row.ends_at)}{_past(row)}")
            lines += self._cause(key, row.source_id)
        told = {row.source_id for row in own}
        for subscription in self.subscriptions.values():
            if subscription.stripe_id not in told:
                lines.append(self._why_no_grant(key, subscription))
                lines += self._cause(key, subscription.stripe_id)
        for payment in self.payments.values():
            if payment.stripe_id not in told:
                lines.append(self._why_no_payment(key, payment))
                lines += self._cause(key, payment.stripe_id)
        for grant in self.grants.values():
            if grant.feature.lookup_key == key and grant.source_id not in told:
                lines.append(_revoked(grant))
        if not self.subscriptions and not self.payments:
            lines.append(
                f"{self.customer} has no subscription here. If Stripe shows one, its webhooks were"
                ' lost: use "Sync from Stripe", or run manage.py reconcile_entitlements.'
            )
        return lines

    def _why_no_grant(self, key: str, subscription: Subscription) -> str:
        status = subscription.status
        name = f"{subscription.stripe_id} is {status}"
        if status not in PAID_STATUSES and status != "past_due":
            return f"{name}: {STATUSES.get(status, 'a status that this version does not know')}."
        if status == "trialing" and subscription.is_trial_refused:
            return (
                f"{name}, and refused: its card or e-mail address had a trial before."
                " It grants once it is paid."
            )
        products = {item.product_id for item in subscription.items.all()}
        links = [link for link in self.links if link.product.stripe_id in products]
        sold = ", ".join(sorted({str(link.product) for link in links} or products)) or "nothing"
        for link in links:
            if link.feature.lookup_key == key:
                if link.removed_at is not None:
                    return (
                        f"{name}, but {key} was taken off {link.product} on"
                        f" {_moment(link.removed_at)}."
                    )
                return f"{name}, and {link.product} includes {key}: run reconcile_entitlements."
        return f"{name}, but it is for {sold}, which does not include {key}."

    def _why_no_payment(self, key: str, payment: Payment) -> str:
        name = f"Payment {payment.stripe_id} is {payment.status or 'new'}"
        if payment.status != PAID:
            told = PAYMENT_STATUSES.get(payment.status, "a status that this version does not know")
            return f"{name}: {told}."
        snapshot, policy = payment.snapshot(payment.items.all()), settings.payment_policy
        if payments.is_refunded(snapshot, policy):
            return f"{name}, and refunded: {payments.REFUND_POLICIES.get(policy.refunds, '')}."
        if payments.is_disputed(snapshot, policy):
            rule = payments.DISPUTE_POLICIES.get(policy.disputes, "")
            return f"{name}, and its dispute is {payment.dispute_status}: {rule}."
        products = {item.product_id for item in payment.items.all()}
        links = [link for link in self.links if link.product.stripe_id in products]
        if any(link.feature.lookup_key == key and link.removed_at is None for link in links):
            later = [
                row.source_id
                for row in self.rows
                if row.feature.lookup_key == key and row.reason == "bought_days"
            ]
            if later:
                return f"{name}; its days are counted with those of {later[-1]}."
            return f"{name}, and includes {key}: run reconcile_entitlements."
        sold = ", ".join(sorted({str(link.product) for link in links} or products)) or "nothing"
        return f"{name}, but it is for {sold}, which does not include {key}."

    def _source(self, row: Entitlement) -> str:
        grant = self.grants.get(row.source_id)
        if grant is not None:
            return _given(grant)
        payment = self.payments.get(row.source_id)
        if payment is not None:
            bought = {item.product_id for item in payment.items.all()}
            return f"Payment {row.source_id} ({self._names(bought)}, {payment.status})"
        subscription = self.subscriptions.get(row.source_id)
        if subscription is None:
            return f"The {row.source_kind} {row.source_id}"
        products = {item.product_id for item in subscription.items.all()}
        return f"Subscription {row.source_id} ({self._names(products)}, {subscription.status})"

    def _names(self, products: set[str]) -> str:
        return ", ".join(
            sorted({str(link.product) for link in self.links if link.product.stripe_id in products})
        )

    def _cause(self, key: str, source_id: str) -> list[str]:
        change = self.changes.get((key, source_id))
        if change is None:
            return []
        cause = f"{change.get_cause_kind_display()} {change.cause_id}".strip()
        return [f"Last {change.kind} on {_moment(change.created_at)} by {cause}."]

    def _near(self, key: str) -> str:
        near = difflib.get_close_matches(key, sorted(self.feature_keys), n=1)
        return f"; did you mean {near[0]!r}?" if near else "."


def _nothing(key: str, lines: list[str], *, sources: tuple[Source, ...] = ()) -> Explanation:
    return Explanation(
        key=key, is_granted=False, limit=0, ends_at=None, sources=sources, lines=tuple(lines)
    )


def _reason(code: str) -> str:
    known = {**REASONS, **payments.REASONS, **grants.REASONS}
    return known.get(code, code or "no rule is recorded")


def _given(grant: ManualGrant) -> str:
    moment = _moment(grant.granted_at)
    return f'Manual {grant} (by {grant.granted_by} on {moment}: "{grant.reason}")'


def _revoked(grant: ManualGrant) -> str:
    revoked = f"was revoked by {grant.revoked_by} on {_moment(grant.revoked_at)}"
    return f'{_given(grant)} {revoked}: "{grant.revoke_reason}".'


def _past(row: Entitlement) -> str:
    if row.source_kind == SourceKind.PAYMENT:
        return ": the days that were bought are over."
    if row.source_kind == SourceKind.MANUAL:
        return ", the end that it was given."
    return _PAST.get(row.reason, _UNRENEWED)


_PAST = {
    "past_due_grace": (
        ": the last payment failed, and the grace period is over. Access is back when it is paid."
    ),
    "cancel_at": ": the subscription was set to end then.",
    "period_end": ": the subscription was set to end with its period.",
    "feature_removed": ": the feature was taken off the product; the period that had it is over.",
}
_UNRENEWED = (
    ", and no renewal was heard of since. If Stripe shows it as paid, a webhook was lost: use"
    ' "Sync from Stripe", or run manage.py reconcile_entitlements.'
)


def _until(moment: datetime | None) -> str:
    return "" if moment is None else f" until {_moment(moment)}"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def _limit(limit: int | None) -> str:
    return "without limit" if limit is None else f"up to {limit}"
