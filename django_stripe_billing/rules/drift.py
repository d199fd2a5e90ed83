"""The difference between what is stored about a subscription and what Stripe says of it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .entitlements import PAID_STATUSES, Term
from .snapshots import TERMINAL_STATUSES, SubscriptionSnapshot


class Kind(enum.StrEnum):
    """Kinds of drift; stable, for scripts that read the report."""

    MISSING_LOCALLY = "missing_locally"
    """Stripe has a subscription that is not stored."""
    MISSING_IN_STRIPE = "missing_in_stripe"
    """A live subscription is stored that Stripe does not have."""
    CUSTOMER = "customer"
    """It is stored for another customer."""
    STATUS = "status"
    PERIOD = "period"
    ITEMS = "items"
    """Prices, products, quantities, or the items themselves."""
    CANCELLATION = "cancellation"
    """Whether and when it ends."""
    FIELDS = "fields"
    """Anything else that is stored."""
    ENTITLEMENT_MISSING = "entitlement_missing"
    """Paid for, and not granted."""
    ENTITLEMENT_EXTRA = "entitlement_extra"
    """Granted, and not paid for."""
    ENTITLEMENT_TERM = "entitlement_term"
    """Granted with another end, limit or reason."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that differs, as people read it."""

    kind: Kind
    here: str
    stripe: str


KNOWN_STATUSES = PAID_STATUSES | TERMINAL_STATUSES | {"past_due", "incomplete", "unpaid", "paused"}

_FIELDS = (
    "livemode",
    "created",
    "start_date",
    "trial_start",
    "trial_end",
    "currency",
    "collection_method",
    "latest_invoice_id",
    "test_clock_id",
)


def subscription_drift(
    local: SubscriptionSnapshot | None, remote: SubscriptionSnapshot
) -> list[Difference]:
    """What differs between the stored subscription and Stripe's; empty when they are equal."""
    if local is None:
        return [Difference(kind=Kind.MISSING_LOCALLY, here="nothing", stripe=_text(remote.status))]
    views = [
        (Kind.CUSTOMER, local.customer_id, remote.customer_id),
        (Kind.STATUS, local.status, remote.status),
        (Kind.PERIOD, _periods(local), _periods(remote)),
        (Kind.ITEMS, _items(local), _items(remote)),
        (Kind.CANCELLATION, _cancellation(local), _cancellation(remote)),
        (Kind.FIELDS, _fields(local, remote), _fields(remote, local)),
    ]
    return [
        Difference(kind=kind, here=here, stripe=stripe)
        for kind, here, stripe in views
        if here != stripe
    ]


def entitlement_drift(*, held: Mapping[str, Term], wanted: Mapping[str, Term]) -> list[Difference]:
    """What differs between the entitlements that are held and those that are paid for.

    Both by feature, under any name that is the same on both sides.
    """
    found = []
    for key in sorted(held.keys() | wanted.keys()):
        have, want = held.get(key), wanted.get(key)
        if have == want:
            continue
        kind = (
            Kind.ENTITLEMENT_MISSING
            if have is None
            else Kind.ENTITLEMENT_EXTRA
            if want is None
            else Kind.ENTITLEMENT_TERM
        )
        found.append(Difference(kind=kind, here=_term(key, have), stripe=_term(key, want)))
    return found


def _periods(snapshot: SubscriptionSnapshot) -> str:
    return _listed(
        f"{_moment(item.current_period_start)}-{_moment(item.current_period_end)}"
        for item in snapshot.items
    )


def _items(snapshot: SubscriptionSnapshot) -> str:
    return _listed(
        f"{item.id}: {_text(item.price_id)} of {_text(item.product_id)}"
        f" x {'-' if item.quantity is None else item.quantity}"
        for item in snapshot.items
    )


def _cancellation(snapshot: SubscriptionSnapshot) -> str:
    parts = []
    if snapshot.cancel_at is not None:
        parts.append(f"set to end {_moment(snapshot.cancel_at)}")
    if snapshot.cancel_at_period_end:
        parts.append("ends with its period")
    if snapshot.canceled_at is not None:
        parts.append(f"cancellation asked for {_moment(snapshot.canceled_at)}")
    if snapshot.ended_at is not None:
        parts.append(f"ended {_moment(snapshot.ended_at)}")
    return _listed(parts)


def _fields(one: SubscriptionSnapshot, other: SubscriptionSnapshot) -> str:
    return _listed(
        f"{name}={_text(getattr(one, name))}"
        for name in _FIELDS
        if getattr(one, name) != getattr(other, name)
    )


def _term(key: str, term: Term | None) -> str:
    if term is None:
        return f"{key}: not granted"
    limit = "without limit" if term.limit is None else f"up to {term.limit}"
    return f"{key}: until {_moment(term.ends_at)}, {limit} ({_text(term.reason)})"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts) or "nothing"


def _moment(second: int | None) -> str:
    if second is None:
        return "unknown"
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: object) -> str:
    return "none" if value is None or value == "" else str(value)
