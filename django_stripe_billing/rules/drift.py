"""The difference between what is stored about a subscription or payment and what Stripe says of
it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .entitlements import PAID_STATUSES, Term
from .payment_snapshots import PaymentSnapshot
from .snapshots import TERMINAL_STATUSES, SubscriptionSnapshot


class Kind(enum.StrEnum):
    """Kinds of drift; stable, for scripts that read the report."""

    SUBSCRIPTION_MISSING_HERE = "subscription_missing_here"
    SUBSCRIPTION_MISSING_AT_STRIPE = "subscription_missing_at_stripe"
    SUBSCRIPTION_CUSTOMER = "subscription_customer"
    SUBSCRIPTION_STATUS = "subscription_status"
    SUBSCRIPTION_PERIOD = "subscription_period"
    SUBSCRIPTION_ITEMS = "subscription_items"
    SUBSCRIPTION_CANCELLATION = "subscription_cancellation"
    SUBSCRIPTION_FIELDS = "subscription_fields"
    SUBSCRIPTION_DUPLICATE = "subscription_duplicate"
    ENTITLEMENT_MISSING = "entitlement_missing"
    ENTITLEMENT_EXTRA = "entitlement_extra"
    ENTITLEMENT_END = "entitlement_end"
    ENTITLEMENT_LIMIT = "entitlement_limit"
    CUSTOMER_MISSING = "customer_missing"
    CUSTOMER_DELETED = "customer_deleted"
    CUSTOMER_DELETED_AT_STRIPE = "customer_deleted_at_stripe"
    CUSTOMER_UNLINKED = "customer_unlinked"
    CUSTOMER_DUPLICATE = "customer_duplicate"
    PRODUCT_DIFFERS = "product_differs"
    PRICE_DIFFERS = "price_differs"
    FEATURE_DIFFERS = "feature_differs"
    PRICE_UNKNOWN = "price_unknown"
    FEATURE_UNKNOWN = "feature_unknown"
    FEATURE_DISAGREEMENT = "feature_disagreement"
    INVOICE_DIFFERS = "invoice_differs"
    TRIAL_CARD_UNKNOWN = "trial_card_unknown"
    PAYMENT_MISSING = "payment_missing"
    PAYMENT_MISSING_AT_STRIPE = "payment_missing_at_stripe"
    PAYMENT_STATUS = "payment_status"
    PAYMENT_REFUNDED = "payment_refunded"
    PAYMENT_DISPUTED = "payment_disputed"
    PAYMENT_FIELDS = "payment_fields"
    EVENT_FAILED = "event_failed"
    EVENT_STUCK = "event_stuck"
    EVENT_MISSED = "event_missed"


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a kind of drift says to people."""

    sentence: str
    repair: str
    """What --apply does about it; '' where only a person can decide."""
    advice: str = ""
    """What a person does about it, where the command does nothing."""


_READ = "It is read from Stripe again, and what it grants is written anew."
_GRANT = "What the subscription or payment grants is written anew."
_MIRROR = "The catalog is mirrored anew, and what it grants is written anew."

MEANINGS: Mapping[Kind, Meaning] = {
    Kind.SUBSCRIPTION_MISSING_HERE: Meaning(
        sentence="Stripe has a subscription that is not stored here.",
        repair="It is stored, and what it grants is written.",
    ),
    Kind.SUBSCRIPTION_MISSING_AT_STRIPE: Meaning(
        sentence="A live subscription is stored here that Stripe does not have.",
        repair="It is marked as missing, which ends what it granted.",
    ),
    Kind.SUBSCRIPTION_CUSTOMER: Meaning(
        sentence="The subscription is stored for another customer than Stripe's.",
        repair="",
        advice="Find out which of the two has paid; then delete the row here and run this again.",
    ),
    Kind.SUBSCRIPTION_STATUS: Meaning(sentence="The status differs.", repair=_READ),
    Kind.SUBSCRIPTION_PERIOD: Meaning(sentence="The paid period of an item differs.", repair=_READ),
    Kind.SUBSCRIPTION_ITEMS: Meaning(
        sentence="The items, their prices or their quantities differ.", repair=_READ
    ),
    Kind.SUBSCRIPTION_CANCELLATION: Meaning(
        sentence="Whether or when it ends differs.", repair=_READ
    ),
    Kind.SUBSCRIPTION_FIELDS: Meaning(sentence="Other stored fields differ.", repair=_READ),
    Kind.SUBSCRIPTION_DUPLICATE: Meaning(
        sentence="The customer pays for the same product twice.",
        repair="",
        advice="Cancel and refund one of the subscriptions in Stripe's Dashboard.",
    ),
    Kind.ENTITLEMENT_MISSING: Meaning(
        sentence="A feature is paid for and not granted.", repair=_GRANT
    ),
    Kind.ENTITLEMENT_EXTRA: Meaning(
        sentence="A feature is granted and not paid for.", repair=_GRANT
    ),
    Kind.ENTITLEMENT_END: Meaning(
        sentence="A feature is granted until another moment than is paid for.", repair=_GRANT
    ),
    Kind.ENTITLEMENT_LIMIT: Meaning(
        sentence="A feature is granted with another limit than is paid for.", repair=_GRANT
    ),
    Kind.CUSTOMER_MISSING: Meaning(
        sentence="A customer with a subscription is not stored here.",
        repair="It is stored, without a subscriber.",
    ),
    Kind.CUSTOMER_DELETED: Meaning(
        sentence="The customer is deleted here, and has a running subscription at Stripe.",
        repair="",
        advice="A deleted customer never comes back: if the row was changed by hand, delete it and"
        " run this again.",
    ),
    Kind.CUSTOMER_DELETED_AT_STRIPE: Meaning(
        sentence="Stripe has deleted a customer that is not deleted here.",
        repair="It is marked as deleted, which ends what it was granted.",
    ),
    Kind.CUSTOMER_UNLINKED: Meaning(
        sentence="A customer pays and is linked to no subscriber: nobody gets the access.",
        repair="",
        advice="Link the customer to its subscriber in the admin.",
    ),
    Kind.CUSTOMER_DUPLICATE: Meaning(
        sentence="A second customer with a subscriber's e-mail address pays, linked to nobody.",
        repair="",
        advice="Decide which is the right one; move or cancel what the other has in Stripe.",
    ),
    Kind.PRODUCT_DIFFERS: Meaning(
        sentence="A product, its terms, or the features attached to it differ.", repair=_MIRROR
    ),
    Kind.PRICE_DIFFERS: Meaning(sentence="A price of the catalog differs.", repair=_MIRROR),
    Kind.FEATURE_DIFFERS: Meaning(sentence="A feature of the catalog differs.", repair=_MIRROR),
    Kind.PRICE_UNKNOWN: Meaning(
        sentence="Stripe has a price that is not in the catalog here.", repair=_MIRROR
    ),
    Kind.FEATURE_UNKNOWN: Meaning(
        sentence="Stripe has a product or a feature that is not in the catalog here.",
        repair=_MIRROR,
    ),
    Kind.FEATURE_DISAGREEMENT: Meaning(
        sentence="Stripe's active entitlements and those derived here differ.",
        repair=_MIRROR,
        advice="Where it differs still: look whether a feature was attached or removed in this"
        " period. Stripe waits for the next one.",
    ),
    Kind.INVOICE_DIFFERS: Meaning(
        sentence="An open invoice differs, is not stored, or is not open any more.",
        repair="It is stored as Stripe has it, and the grace that counts from it is written anew.",
    ),
    Kind.TRIAL_CARD_UNKNOWN: Meaning(
        sentence="A trial runs, and the card that it was taken with is not noted here.",
        repair="The card is noted; a trial that somebody else had with it before is refused.",
    ),
    Kind.PAYMENT_MISSING: Meaning(
        sentence="Stripe has a one-off payment that is not stored here.",
        repair="It is stored, and what it grants is written.",
    ),
    Kind.PAYMENT_MISSING_AT_STRIPE: Meaning(
        sentence="A one-off payment is stored here that Stripe does not have.",
        repair="It is marked as missing, which ends what it granted.",
    ),
    Kind.PAYMENT_STATUS: Meaning(
        sentence="Whether a one-off payment is paid differs.", repair=_READ
    ),
    Kind.PAYMENT_REFUNDED: Meaning(
        sentence="What was refunded of a one-off payment differs.", repair=_READ
    ),
    Kind.PAYMENT_DISPUTED: Meaning(
        sentence="Whether a one-off payment is disputed, and with what end, differs.", repair=_READ
    ),
    Kind.PAYMENT_FIELDS: Meaning(
        sentence="Other stored fields of a one-off payment differ.", repair=_READ
    ),
    Kind.EVENT_FAILED: Meaning(
        sentence="An event could not be processed, and Stripe has given it up or soon will.",
        repair="It is processed again.",
    ),
    Kind.EVENT_STUCK: Meaning(
        sentence="An event was stored and never finished.", repair="It is processed again."
    ),
    Kind.EVENT_MISSED: Meaning(
        sentence="An event never arrived.", repair="It is processed as if it had arrived."
    ),
}


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
