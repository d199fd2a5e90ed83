"""A one-off purchase as a frozen value, from the several objects that Stripe keeps of it.

The Checkout Session says what was bought and whether it is paid, its payment intent's charge what
was refunded, and the disputes whether the money may go back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .json_values import (
    JSONObject,
    customer_of,
    flag,
    identifier,
    integer,
    mapping,
    metadata,
    objects,
    second,
    text,
    whole_number,
)

PAID = "paid"
UNPAID = "unpaid"
"""Not yet: a delayed method, such as a bank debit, is decided days later."""
FAILED = "failed"
"""Never: the delayed method was refused."""

SOLD_DAYS = "django_stripe_billing_access_days"
"""The metadata key of a session that holds the days of access it was sold for, or FOR_GOOD: what
somebody has bought does not change with the catalog."""
FOR_GOOD = "unlimited"

MOST_DAYS = 36_500

_PAID_STATUSES = frozenset({"paid", "no_payment_required"})
"""https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-payment_status"""
_FAILED_INTENTS = frozenset({"requires_payment_method", "canceled"})

_HARMLESS = ("", "warning_closed", "won", "prevented", "warning_under_review")
_BY_WEIGHT = {
    status: weight
    for weight, status in enumerate(
        (
            *_HARMLESS,
            "warning_needs_response",
            "under_review",
            "needs_response",
            "another",
            "appeal_needs_response",
            "appeal_under_review",
            "lost",
        )
    )
}
"""Dispute statuses, the one that weighs most last: where there are several disputes, it counts."""


@dataclass(frozen=True, kw_only=True)
class PaymentItemSnapshot:
    """One line of a purchase."""

    id: str
    price_id: str
    product_id: str
    quantity: int


@dataclass(frozen=True, kw_only=True)
class PaymentSnapshot:
    """A completed Checkout Session in `payment` mode, with what became of its money."""

    id: str
    """The session's."""
    customer_id: str
    status: str
    """PAID, UNPAID, FAILED, or one of Stripe's that we do not know."""
    payment_intent_id: str
    charge_id: str
    amount: int
    """What was to be paid, in the currency's minor unit."""
    currency: str
    amount_refunded: int
    dispute_status: str
    """Stripe's, of the dispute that weighs most; '' without one."""
    charged_at: int | None
    """Unix seconds: when the charge was made, or the session where nothing was to be paid."""
    sold_days: int | None
    """The days of access that it was sold for, 0 for good; None where the session does not say."""
    livemode: bool
    created: int
    items: tuple[PaymentItemSnapshot, ...]
    """Sorted by id."""
    is_disputed: bool = field(default=False, compare=False)
    """The charge says so; which status the dispute has is for a fetch to find out."""
    has_invoice: bool = field(default=False, compare=False)
    """Stripe has made an invoice of it, too."""
    is_complete: bool = field(default=True, compare=False)
    """False when Stripe left something out: then it must be fetched."""

    @property
    def product_ids(self) -> frozenset[str]:
        return frozenset(item.product_id for item in self.items if item.product_id)


def parse_payment(session: object, disputes: Iterable[JSONObject] = ()) -> PaymentSnapshot | None:
    """Read a session with `line_items` and `payment_intent.latest_charge` expanded, and the
    disputes of its payment intent.

    None when it is not a completed session in payment mode, or has no id, moment or customer.
    """
    source = mapping(session)
    session_id, customer_id = identifier(source.get("id")), customer_of(source)
    created = second(source.get("created"))
    is_purchase = (source.get("mode"), source.get("status")) == ("payment", "complete")
    if not session_id or not customer_id or created is None or not is_purchase:
        return None
    intent = mapping(source.get("payment_intent"))
    charge = mapping(intent.get("latest_charge"))
    lines = mapping(source.get("line_items"))
    items = [item for line in objects(lines) if (item := _parse_item(line)) is not None]
    charged_at = second(charge.get("created"))
    return PaymentSnapshot(
        id=session_id,
        customer_id=customer_id,
        status=_status(source, intent),
        payment_intent_id=identifier(source.get("payment_intent")),
        charge_id=identifier(intent.get("latest_charge")),
        amount=max(integer(source.get("amount_total")) or 0, 0),
        currency=text(source.get("currency"), longest=3),
        amount_refunded=max(integer(charge.get("amount_refunded")) or 0, 0),
        dispute_status=heaviest(text(entry.get("status"), longest=64) for entry in disputes),
        charged_at=created if charged_at is None else charged_at,
        sold_days=_sold_days(metadata(source.get("metadata")).get(SOLD_DAYS)),
        livemode=flag(source.get("livemode")),
        created=created,
        items=tuple(sorted({item.id: item for item in items}.values(), key=lambda item: item.id)),
        is_disputed=flag(charge.get("disputed")),
        has_invoice=bool(identifier(source.get("invoice"))),
        is_complete=bool(lines)
        and not flag(lines.get("has_more"))
        and not isinstance(source.get("payment_intent"), str)
        and not isinstance(intent.get("latest_charge"), str),
    )


def heaviest(statuses: Iterable[str]) -> str:
    """The dispute status that counts among several; '' for none."""
    return max(statuses, key=_weight, default="")


def _weight(status: str) -> int:
    unknown = "warning_needs_response" if status.startswith("warning_") else "another"
    return _BY_WEIGHT.get(status, _BY_WEIGHT[unknown])


def _status(session: JSONObject, intent: JSONObject) -> str:
    status = text(session.get("payment_status"), longest=64)
    if status in _PAID_STATUSES:
        return PAID
    if status == "unpaid" and intent.get("status") in _FAILED_INTENTS:
        return FAILED
    return status


def _sold_days(value: str | None) -> int | None:
    """What can't be read is as if it were not there: then the catalog says."""
    if value == FOR_GOOD:
        return 0
    number = whole_number(value)
    return number if number is not None and 1 <= number <= MOST_DAYS else None


def _parse_item(line: JSONObject) -> PaymentItemSnapshot | None:
    item_id = identifier(line.get("id"))
    if not item_id:
        return None
    quantity = integer(line.get("quantity"))
    return PaymentItemSnapshot(
        id=item_id,
        price_id=identifier(line.get("price")),
        product_id=identifier(mapping(line.get("price")).get("product")),
        quantity=1 if quantity is None else min(max(quantity, 0), 2**31 - 1),
    )
