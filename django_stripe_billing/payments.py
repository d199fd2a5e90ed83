"""The one-off payments of a subscriber: their own alone."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from .access import current
from .exceptions import PaymentNotFoundError
from .models import Entitlement, Payment, SourceKind
from .rules.snapshots import MISSING


def payments_of(subscriber: Any) -> QuerySet[Payment]:
    """The subscriber's one-off payments, newest first, with their items; for lists and pages.

    Each has `has_access`, whether it grants something now, and `access_ends_at`, None where it
    grants nothing or for good. None and an anonymous user have none.
    """
    if getattr(subscriber, "pk", None) is None:
        return Payment.objects.none()
    granted = {
        "source_kind": SourceKind.PAYMENT,
        "source_id": OuterRef("stripe_id"),
        "customer": OuterRef("customer"),
    }
    ends = Entitlement.objects.filter(**granted).order_by("ends_at").values("ends_at")[:1]
    own = Payment.objects.filter(account="", customer__account="", customer__subscriber=subscriber)
    return (
        own.exclude(status__in=["", MISSING])
        .annotate(has_access=Exists(current(**granted)), access_ends_at=Subquery(ends))
        .prefetch_related("items")
        .order_by("-stripe_created_at", "-pk")
    )


def payment_of(subscriber: Any, stripe_id: str) -> Payment:
    """One of the subscriber's payments. Raises PaymentNotFoundError for another's, too."""
    is_id = "\0" not in stripe_id  # which PostgreSQL would not even be asked for
    found = payments_of(subscriber).filter(stripe_id=stripe_id).first() if is_id else None
    if found is None:
        raise PaymentNotFoundError("There is no such payment.")
    return found
