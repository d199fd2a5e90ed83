"""Unpaid invoices, for the people who should pay them: reads the database and the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from ..models import Invoice, Subscription
from ..money import formatted
from ..rules.dunning import TROUBLED_STATUSES

_INVOICE = (
    "stripe_id",
    "hosted_invoice_url",
    "amount_remaining",
    "currency",
    "attempt_count",
    "next_payment_attempt_at",
    "action_attempt",
    "unpaid_since",
)


@dataclass(frozen=True, kw_only=True)
class Dunning:
    """A subscription of which a payment is missing, and what can be done about it."""

    subscription_id: str
    """Its Stripe id."""
    status: str
    """`past_due`, or `unpaid`: Stripe has given up, and access has ended."""
    invoice_id: str
    """The oldest unpaid invoice's Stripe id; '' while none is known."""
    pay_url: str
    """Stripe's page to pay it on; '' while none is known."""
    amount: int
    """What is missing, in minor units."""
    currency: str
    attempt: int
    """How often Stripe has tried."""
    next_attempt_at: datetime | None
    """None: Stripe will not try again by itself."""
    needs_action: bool
    """The bank wants the payer to confirm the payment (3-D Secure)."""
    started_at: datetime | None
    """Since when the invoice waits: its due date, else its creation."""
    access_ends_at: datetime | None
    """When the grace ends, in the past when it has; None where nothing is granted any more."""

    @property
    def has_access(self) -> bool:
        """Whether the grace still runs."""
        return self.access_ends_at is not None and self.access_ends_at > timezone.now()

    @property
    def amount_text(self) -> str:
        """What is missing, in the active language; '' while no invoice is known."""
        return formatted(self.amount, self.currency) if self.currency else ""


def dunning_of(subscriber: Any) -> Dunning | None:
    """What a subscriber has not paid: the oldest such invoice; None when all is well. One query.

    `subscriber` is of STRIPE_BILLING_SUBSCRIBER_MODEL; None and an anonymous user owe nothing.
    """
    if getattr(subscriber, "pk", None) is None:
        return None
    own = Subscription.objects.filter(
        account="", customer__subscriber=subscriber, customer__is_deleted=False
    )
    return min(_dunning(own), key=_urgency, default=None)


def dunning_of_customer(customer_pk: int) -> Dunning | None:
    """The same, for a customer's row."""
    own = Subscription.objects.filter(customer=customer_pk)
    return min(_dunning(own), key=_urgency, default=None)


def _dunning(subscriptions: QuerySet[Subscription]) -> list[Dunning]:
    oldest = Invoice.objects.filter(
        account=OuterRef("account"), subscription_id=OuterRef("stripe_id")
    ).unpaid()
    rows = (
        subscriptions.filter(status__in=TROUBLED_STATUSES)
        .annotate(
            access_ends_at=Min(
                "entitlements__ends_at", filter=Q(entitlements__reason__in=GRACE_REASONS)
            ),
            **{f"invoice_{name}": Subquery(oldest.values(name)[:1]) for name in _INVOICE},
        )
        .order_by("pk")
    )
    found: Iterable[Mapping[str, Any]] = rows.values()
    return [_from_row(row) for row in found]


GRACE_REASONS = ("past_due_grace", "cancel_at", "period_end")
"""By which rule access ends while a payment is missing: whichever end comes first."""


def _from_row(row: Mapping[str, Any]) -> Dunning:
    attempt, action = row["invoice_attempt_count"] or 0, row["invoice_action_attempt"]
    return Dunning(
        subscription_id=row["stripe_id"],
        status=row["status"],
        invoice_id=row["invoice_stripe_id"] or "",
        pay_url=row["invoice_hosted_invoice_url"] or "",
        amount=row["invoice_amount_remaining"] or 0,
        currency=row["invoice_currency"] or "",
        attempt=attempt,
        next_attempt_at=row["invoice_next_payment_attempt_at"],
        needs_action=action is not None and action >= attempt,
        started_at=row["invoice_unpaid_since"],
        access_ends_at=row["access_ends_at"],
    )


def _urgency(found: Dunning) -> tuple[bool, float]:
    """What can be paid comes first, and of that the oldest."""
    moment = found.started_at
    return found.pay_url == "", moment.timestamp() if moment else float("inf")
