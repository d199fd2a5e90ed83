"""From one-off purchases to what a customer may use, and until when.

All payments of a customer are looked at together: days that are bought again begin when those
before them end. Nothing here asks what time it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .entitlements import Catalog, CatalogFeature, CatalogProduct, Term, combine_terms
from .json_values import LARGEST_SECOND
from .payment_snapshots import PAID, PaymentItemSnapshot, PaymentSnapshot

DAY = 86_400

REASONS = {
    "bought": "it was bought for good",
    "bought_days": "that many days of it were bought",
}

REFUND_POLICIES = {
    "full": "a full refund revokes, a partial one keeps",
    "any": "any refund revokes",
    "never": "no refund revokes",
}
DISPUTE_POLICIES = {
    "open": "an open or lost dispute revokes, a won one restores",
    "lost": "a lost dispute revokes",
    "never": "no dispute revokes",
}

_OPEN = frozenset({"needs_response", "under_review"})
_SETTLED = frozenset({"", "won", "prevented"})
"""Without effect. `prevented`: it was settled by a refund, which tells by itself.
https://docs.stripe.com/api/disputes/object#dispute_object-status"""


@dataclass(frozen=True, kw_only=True)
class PaymentPolicy:
    """The settings that say when money that went back takes access away."""

    refunds: str
    """A key of REFUND_POLICIES; another counts as `full`."""
    disputes: str
    """A key of DISPUTE_POLICIES; another counts as `open`."""


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """A stored payment."""

    snapshot: PaymentSnapshot
    paid_at: int | None
    """Unix seconds; None while it is not paid."""


def is_refunded(payment: PaymentSnapshot, policy: PaymentPolicy) -> bool:
    """Whether refunds have taken the access away."""
    if policy.refunds == "never":
        return False
    if policy.refunds == "any":
        return payment.amount_refunded > 0
    return payment.amount_refunded >= payment.amount > 0


def is_disputed(payment: PaymentSnapshot, policy: PaymentPolicy) -> bool:
    """Whether a dispute has taken the access away; an inquiry never does.

    A status that we do not know does: unknown never grants.
    """
    status = payment.dispute_status
    if policy.disputes == "never" or status in _SETTLED or status.startswith("warning_"):
        return False
    return not (policy.disputes == "lost" and status in _OPEN)


def is_counted(purchase: Purchase, policy: PaymentPolicy) -> bool:
    """Whether it is paid, and the money has stayed."""
    payment = purchase.snapshot
    return (
        payment.status == PAID
        and purchase.paid_at is not None
        and not is_refunded(payment, policy)
        and not is_disputed(payment, policy)
    )


def wanted_by_payment(
    purchases: Iterable[Purchase],
    *,
    catalog: Catalog,
    policy: PaymentPolicy,
    is_customer_deleted: bool = False,
) -> dict[str, dict[str, Term]]:
    """What each of a customer's payments grants, by session id and Stripe feature id.

    Give it all of the customer's: days that follow each other without a gap are granted by the last
    payment of the row, so that limits that add up do not count twice.
    """
    everything = list(purchases)
    counted = [] if is_customer_deleted else [one for one in everything if is_counted(one, policy)]
    grants = _Grants(catalog=catalog)
    for purchase in sorted(counted, key=lambda one: (one.paid_at or 0, one.snapshot.id)):
        for item in purchase.snapshot.items:
            grants.add(purchase.snapshot, item, paid_at=purchase.paid_at or 0)
    return {one.snapshot.id: grants.of(one.snapshot.id) for one in everything}


@dataclass(eq=False, kw_only=True)
class _Granted:
    """One feature that one line of a payment grants."""

    payment_id: str
    feature: CatalogFeature
    term: Term


@dataclass(kw_only=True)
class _Grants:
    """What the payments so far grant, in the order in which they were paid."""

    catalog: Catalog
    granted: list[_Granted] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    """By product: when the days bought so far end."""
    holders: dict[tuple[str, str], _Granted] = field(default_factory=dict)
    """By product and feature: the last that was bought by days."""

    def add(self, payment: PaymentSnapshot, item: PaymentItemSnapshot, *, paid_at: int) -> None:
        product = self.catalog.get(item.product_id)
        if product is None or item.quantity == 0:
            return
        days = _days(payment, product)
        if days == 0:
            return
        included = [
            feature
            for feature in product.features
            if feature.removed_at is None or paid_at < feature.removed_at
        ]
        if days is None:
            for feature in included:
                limit = feature.limit
                if limit is not None and feature.is_limit_per_unit:
                    limit *= item.quantity
                term = Term(ends_at=None, limit=limit, reason="bought")
                self._grant(payment, feature, term)
            return
        start = max(paid_at, self.ends.get(item.product_id, 0))
        end = min(start + days * item.quantity * DAY, LARGEST_SECOND)
        self.ends[item.product_id] = end
        for feature in included:
            # The quantity has bought days already: a limit per unit counts once.
            granted = self._grant(
                payment, feature, Term(ends_at=end, limit=feature.limit, reason="bought_days")
            )
            place = item.product_id, feature.feature_id
            before = self.holders.get(place)
            if before is not None and before.term.ends_at == start:
                self.granted.remove(before)
            self.holders[place] = granted

    def of(self, payment_id: str) -> dict[str, Term]:
        found: dict[str, Term] = {}
        for one in self.granted:
            if one.payment_id != payment_id:
                continue
            key = one.feature.feature_id
            found[key] = (
                combine_terms(found[key], one.term, rule=one.feature.combine)
                if key in found
                else one.term
            )
        return found

    def _grant(self, payment: PaymentSnapshot, feature: CatalogFeature, term: Term) -> _Granted:
        granted = _Granted(payment_id=payment.id, feature=feature, term=term)
        self.granted.append(granted)
        return granted


def _days(payment: PaymentSnapshot, product: CatalogProduct) -> int | None:
    """The days that one unit is worth; None: for good; 0: nothing, as nobody can read them."""
    if payment.sold_days is None:
        return product.access_days
    return payment.sold_days or None
