"""The difference between what is stored about a subscription or payment and what Stripe says of
it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .drift_kinds import Kind
from .entitlements import PAID_STATUSES, Term
from .payment_snapshots import PaymentSnapshot
from .snapshots import TERMINAL_STATUSES, SubscriptionSnapshot


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that differs, as people read it."""

    kind: Kind
    here: str
    stripe: str
    subject: str = ""
    """What it is about within the object: a feature's lookup key, a price; '' for the whole."""


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

_PAYMENT_FIELDS = (
    "customer_id",
    "payment_intent_id",
    "charge_id",
    "amount",
    "currency",
    "charged_at",
    "sold_days",
    "livemode",
    "created",
    "items",
)


def subscription_drift(
    local: SubscriptionSnapshot | None, remote: SubscriptionSnapshot
) -> list[Difference]:
    """What differs between the stored subscription and Stripe's; empty when they are equal."""
    if local is None:
        found = Kind.SUBSCRIPTION_MISSING_HERE
        return [Difference(kind=found, here="nothing", stripe=_text(remote.status))]
    views = [
        (Kind.SUBSCRIPTION_CUSTOMER, local.customer_id, remote.customer_id),
        (Kind.SUBSCRIPTION_STATUS, local.status, remote.status),
        (Kind.SUBSCRIPTION_PERIOD, _periods(local), _periods(remote)),
        (Kind.SUBSCRIPTION_ITEMS, _items(local), _items(remote)),
        (Kind.SUBSCRIPTION_CANCELLATION, _cancellation(local), _cancellation(remote)),
        (Kind.SUBSCRIPTION_FIELDS, _fields(local, remote), _fields(remote, local)),
    ]
    return [
        Difference(kind=kind, here=here, stripe=stripe)
        for kind, here, stripe in views
        if here != stripe
    ]


def payment_drift(local: PaymentSnapshot | None, remote: PaymentSnapshot) -> list[Difference]:
    """What differs between the stored payment and Stripe's; empty when they are equal."""
    if local is None or not local.status:
        found = Kind.PAYMENT_MISSING
        return [Difference(kind=found, here="nothing", stripe=_text(remote.status))]
    views = [
        (Kind.PAYMENT_STATUS, _text(local.status), _text(remote.status)),
        (Kind.PAYMENT_REFUNDED, str(local.amount_refunded), str(remote.amount_refunded)),
        (Kind.PAYMENT_DISPUTED, _text(local.dispute_status), _text(remote.dispute_status)),
        (Kind.PAYMENT_FIELDS, _payment_fields(local, remote), _payment_fields(remote, local)),
    ]
    return [
        Difference(kind=kind, here=here, stripe=stripe)
        for kind, here, stripe in views
        if here != stripe
    ]


def _payment_fields(one: PaymentSnapshot, other: PaymentSnapshot) -> str:
    return _listed(
        f"{name}={_text(getattr(one, name))}"
        for name in _PAYMENT_FIELDS
        if getattr(one, name) != getattr(other, name)
    )


def entitlement_drift(*, held: Mapping[str, Term], wanted: Mapping[str, Term]) -> list[Difference]:
    """What differs between the entitlements that are held and those that are paid for.

    Both by feature, under any name that is the same on both sides.
    """
    found = []
    for key in sorted(held.keys() | wanted.keys()):
        have, want = held.get(key), wanted.get(key)
        if have == want:
            continue
        kinds = [Kind.ENTITLEMENT_MISSING] if have is None else [Kind.ENTITLEMENT_EXTRA]
        if have is not None and want is not None:
            kinds = [Kind.ENTITLEMENT_LIMIT] if have.limit != want.limit else []
            if (have.ends_at, have.reason) != (want.ends_at, want.reason):
                kinds.append(Kind.ENTITLEMENT_END)
        here, stripe = _term(key, have), _term(key, want)
        found += [Difference(kind=kind, here=here, stripe=stripe, subject=key) for kind in kinds]
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
