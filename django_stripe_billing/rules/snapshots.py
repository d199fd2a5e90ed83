"""Stripe's JSON as frozen values: every API shape that we accept is read here and nowhere else.

A parser returns None when the object lacks what identifies it, and never raises: a value of an
unexpected type counts as absent, an unknown status is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .json_values import (
    JSONObject,
    customer_of,
    flag,
    identifier,
    integer,
    mapping,
    objects,
    second,
    text,
)

TERMINAL_STATUSES = frozenset({"canceled", "incomplete_expired"})
"""Statuses that a subscription never leaves.
https://docs.stripe.com/billing/subscriptions/overview"""

MISSING = "missing"
"""Our own status for a subscription that Stripe does not have (any more): it grants nothing, and
unlike a terminal one it would be read again, should Stripe list it after all."""

ENDED_STATUSES = TERMINAL_STATUSES | {MISSING}


@dataclass(frozen=True, kw_only=True)
class SubscriptionItemSnapshot:
    """One priced line of a subscription."""

    id: str
    price_id: str
    product_id: str
    quantity: int | None
    """None where there is none, as for metered prices."""
    current_period_start: int | None
    """Unix seconds."""
    current_period_end: int | None
    """Unix seconds."""


@dataclass(frozen=True, kw_only=True)
class SubscriptionSnapshot:
    """A subscription as Stripe stated it. https://docs.stripe.com/api/subscriptions/object"""

    id: str
    customer_id: str
    status: str
    livemode: bool
    created: int
    """Unix seconds."""
    start_date: int | None
    """Unix seconds."""
    trial_start: int | None
    trial_end: int | None
    cancel_at: int | None
    cancel_at_period_end: bool
    canceled_at: int | None
    """When the cancellation was asked for: may be set while the subscription still runs."""
    ended_at: int | None
    currency: str
    collection_method: str
    latest_invoice_id: str
    test_clock_id: str
    items: tuple[SubscriptionItemSnapshot, ...]
    """Sorted by id."""
    is_complete: bool = field(default=True, compare=False)
    """False when Stripe cut the list of items short: then it must be fetched."""

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_STATUSES

    @property
    def product_ids(self) -> frozenset[str]:
        return frozenset(item.product_id for item in self.items if item.product_id)


@dataclass(frozen=True, kw_only=True)
class CustomerSnapshot:
    """A customer as Stripe stated it. https://docs.stripe.com/api/customers/object"""

    id: str
    email: str
    name: str
    livemode: bool
    created: int | None
    is_deleted: bool
    test_clock_id: str
    balance: int = 0
    """Minor units: negative is credit, which the next invoices use up."""
    currency: str = ""
    default_payment_method_id: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckoutSessionSnapshot:
    """A Checkout Session. https://docs.stripe.com/api/checkout/sessions/object"""

    id: str
    mode: str
    status: str
    payment_status: str
    customer_id: str
    subscription_id: str
    payment_intent_id: str
    expires_at: int | None


@dataclass(frozen=True, kw_only=True)
class EntitlementSummarySnapshot:
    """Stripe's own list of what a customer may use: at most ten entries, so only a hint.

    https://docs.stripe.com/api/entitlements/active_entitlement_summary/object
    """

    customer_id: str
    lookup_keys: frozenset[str]
    is_complete: bool


def parse_subscription(data: object) -> SubscriptionSnapshot | None:
    """Read a subscription; None without an id or a customer."""
    source = mapping(data)
    subscription_id = identifier(source.get("id"))
    customer_id = customer_of(source)
    if not subscription_id or not customer_id:
        return None
    lines = mapping(source.get("items"))
    items = [item for line in objects(lines) if (item := _parse_item(line, of=source))]
    return SubscriptionSnapshot(
        id=subscription_id,
        customer_id=customer_id,
        status=text(source.get("status"), longest=64),
        livemode=flag(source.get("livemode")),
        created=second(source.get("created")) or 0,
        start_date=second(source.get("start_date")),
        trial_start=second(source.get("trial_start")),
        trial_end=second(source.get("trial_end")),
        cancel_at=second(source.get("cancel_at")),
        cancel_at_period_end=flag(source.get("cancel_at_period_end")),
        canceled_at=second(source.get("canceled_at")),
        ended_at=second(source.get("ended_at")),
        currency=text(source.get("currency"), longest=3),
        collection_method=text(source.get("collection_method"), longest=64),
        latest_invoice_id=identifier(source.get("latest_invoice")),
        test_clock_id=identifier(source.get("test_clock")),
        items=tuple(sorted({item.id: item for item in items}.values(), key=lambda item: item.id)),
        is_complete=not flag(lines.get("has_more")),
    )


def _parse_item(line: JSONObject, *, of: JSONObject) -> SubscriptionItemSnapshot | None:
    """Read one item; releases before basil state the period on the subscription."""
    item_id = identifier(line.get("id"))
    if not item_id:
        return None
    price = mapping(line.get("price")) or mapping(line.get("plan"))
    quantity = integer(line.get("quantity"))
    start, end = (
        second(line.get(name)) if line.get(name) is not None else second(of.get(name))
        for name in ("current_period_start", "current_period_end")
    )
    return SubscriptionItemSnapshot(
        id=item_id,
        price_id=identifier(line.get("price")) or identifier(line.get("plan")),
        product_id=identifier(price.get("product")),
        quantity=None if quantity is None else min(max(quantity, 0), 2**31 - 1),
        current_period_start=start,
        current_period_end=end,
    )


def parse_customer(data: object) -> CustomerSnapshot | None:
    """Read a customer, deleted ones too; None without an id."""
    source = mapping(data)
    customer_id = identifier(source.get("id"))
    if not customer_id:
        return None
    return CustomerSnapshot(
        id=customer_id,
        email=text(source.get("email"), longest=512),
        name=text(source.get("name"), longest=256),
        livemode=flag(source.get("livemode")),
        created=second(source.get("created")),
        is_deleted=flag(source.get("deleted")),
        test_clock_id=identifier(source.get("test_clock")),
        balance=integer(source.get("balance")) or 0,
        currency=text(source.get("currency"), longest=3),
        default_payment_method_id=identifier(
            mapping(source.get("invoice_settings")).get("default_payment_method")
        ),
    )


def deleted_customer(customer_id: str) -> CustomerSnapshot:
    """A customer of whom nothing but the id is left."""
    return CustomerSnapshot(
        id=customer_id,
        email="",
        name="",
        livemode=False,
        created=None,
        is_deleted=True,
        test_clock_id="",
        balance=0,
        currency="",
        default_payment_method_id="",
    )


def parse_checkout_session(data: object) -> CheckoutSessionSnapshot | None:
    """Read a Checkout Session; None without an id."""
    source = mapping(data)
    session_id = identifier(source.get("id"))
    if not session_id:
        return None
    return CheckoutSessionSnapshot(
        id=session_id,
        mode=text(source.get("mode"), longest=64),
        status=text(source.get("status"), longest=64),
        payment_status=text(source.get("payment_status"), longest=64),
        customer_id=customer_of(source),
        subscription_id=identifier(source.get("subscription")),
        payment_intent_id=identifier(source.get("payment_intent")),
        expires_at=second(source.get("expires_at")),
    )


def parse_entitlement_summary(data: object) -> EntitlementSummarySnapshot | None:
    """Read a summary of active entitlements; None without a customer."""
    source = mapping(data)
    customer_id = customer_of(source)
    if not customer_id:
        return None
    listed = mapping(source.get("entitlements"))
    keys = {text(entry.get("lookup_key"), longest=80) for entry in objects(listed)}
    return EntitlementSummarySnapshot(
        customer_id=customer_id,
        lookup_keys=frozenset(keys - {""}),
        is_complete=not flag(listed.get("has_more")),
    )
