"""Invoices: Stripe's JSON as a frozen value, and which of two readings is further on."""

from __future__ import annotations

from dataclasses import dataclass

from .json_values import (
    LARGEST_INTEGER,
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

DELETED = "deleted"
"""Our own status for a draft that was deleted at Stripe."""

_PROGRESS = {"draft": 0, "open": 1, "uncollectible": 2, "paid": 3, "void": 3, DELETED: 3}
"""How far an invoice is; none ever goes back.
https://docs.stripe.com/invoicing/overview#invoice-statuses"""

FINAL_STATUSES = frozenset({"paid", "void", DELETED})

_LONGEST_LINK = 5_000
_MOST_PRODUCTS = 20


@dataclass(frozen=True, kw_only=True)
class InvoiceSnapshot:
    """An invoice as Stripe stated it; amounts in minor units, moments in Unix seconds.

    https://docs.stripe.com/api/invoices/object
    """

    id: str
    """'' for an upcoming one, which has none."""
    customer_id: str
    subscription_id: str
    """'' for an invoice that no subscription made."""
    number: str
    status: str
    billing_reason: str
    collection_method: str
    livemode: bool
    created: int
    currency: str
    total: int
    subtotal: int
    """Before discounts and taxes."""
    discount: int
    """What discounts took off."""
    amount_due: int
    amount_paid: int
    amount_remaining: int
    attempt_count: int
    """The first attempt and the automatic retries; what somebody does by hand is not counted."""
    attempted: bool
    next_payment_attempt: int | None
    """None: Stripe will not try again, or waits to be paid."""
    hosted_invoice_url: str
    """Where it is paid; '' for a draft."""
    invoice_pdf: str
    due_date: int | None
    """For an invoice that is sent, and not charged."""
    paid_at: int | None
    period_start: int | None
    period_end: int | None
    product_ids: tuple[str, ...]
    """What it is for, as far as its lines are shown; sorted."""

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES


def parse_invoice(data: object) -> InvoiceSnapshot | None:
    """Read an invoice, in any shape from acacia to endive; None without a customer.

    An upcoming invoice has no id.
    """
    source = mapping(data)
    customer_id = customer_of(source)
    if not customer_id:
        return None
    transitions = mapping(source.get("status_transitions"))
    amount_due, amount_paid = integer(source.get("amount_due")), integer(source.get("amount_paid"))
    remaining = integer(source.get("amount_remaining"))
    if remaining is None:
        remaining = (amount_due or 0) - (amount_paid or 0)
    return InvoiceSnapshot(
        id=identifier(source.get("id")),
        customer_id=customer_id,
        subscription_id=_subscription_of(source),
        number=text(source.get("number")),
        status=text(source.get("status"), longest=64) or "unknown",
        billing_reason=text(source.get("billing_reason"), longest=64),
        collection_method=text(source.get("collection_method"), longest=64),
        livemode=flag(source.get("livemode")),
        created=second(source.get("created")) or 0,
        currency=text(source.get("currency"), longest=3),
        total=integer(source.get("total")) or 0,
        subtotal=integer(source.get("subtotal")) or 0,
        discount=_discount_of(source),
        amount_due=amount_due or 0,
        amount_paid=amount_paid or 0,
        amount_remaining=remaining,
        attempt_count=min(max(integer(source.get("attempt_count")) or 0, 0), 32_767),
        attempted=flag(source.get("attempted")),
        next_payment_attempt=second(source.get("next_payment_attempt")),
        hosted_invoice_url=_link(source.get("hosted_invoice_url")),
        invoice_pdf=_link(source.get("invoice_pdf")),
        due_date=second(source.get("due_date")),
        paid_at=second(transitions.get("paid_at")),
        period_start=second(source.get("period_start")),
        period_end=second(source.get("period_end")),
        product_ids=_products_of(source),
    )


def progress(snapshot: InvoiceSnapshot) -> tuple[int, int] | None:
    """How far an invoice is: the larger of two is the later one, whatever else they say.

    None for a status that we do not know.
    """
    rank = _PROGRESS.get(snapshot.status)
    return None if rank is None else (rank, snapshot.attempt_count)


def is_further(new: InvoiceSnapshot, stored: InvoiceSnapshot) -> bool | None:
    """Whether `new` must be the later of two readings; None: their content does not say."""
    one, other = progress(new), progress(stored)
    if one is None or other is None or one == other:
        return None
    return one > other


def _subscription_of(source: object) -> str:
    """Since basil it stands in `parent`; before, on the invoice.

    https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects
    """
    invoice = mapping(source)
    details = mapping(mapping(invoice.get("parent")).get("subscription_details"))
    return identifier(details.get("subscription")) or identifier(invoice.get("subscription"))


def _discount_of(invoice: JSONObject) -> int:
    amounts = invoice.get("total_discount_amounts")
    rows = amounts if isinstance(amounts, list) else []
    taken = sum(integer(mapping(row).get("amount")) or 0 for row in rows)
    return min(max(taken, 0), LARGEST_INTEGER)


def _products_of(invoice: JSONObject) -> tuple[str, ...]:
    """Since basil a line names its product in `pricing`; before, in its price or plan."""
    found = set()
    for line in objects(invoice.get("lines")):
        priced = mapping(mapping(line.get("pricing")).get("price_details"))
        older = mapping(line.get("price")) or mapping(line.get("plan"))
        found.add(identifier(priced.get("product")) or identifier(older.get("product")))
    return tuple(sorted(found - {""}))[:_MOST_PRODUCTS]


def _link(value: object) -> str:
    """A web address, else ''; a cut one would be another."""
    link = text(value, longest=_LONGEST_LINK + 1)
    if len(link) > _LONGEST_LINK or not link.startswith(("https://", "http://")):
        return ""
    return link
