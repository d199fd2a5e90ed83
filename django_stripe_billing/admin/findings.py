"""What support needs to know of a customer, in a constant number of queries."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from ..access import explain_features
from ..models import Customer, Event, Feature

RECENT = 20


def findings(customer: Customer, *, asked: str = "") -> dict[str, Any]:
    """Every feature with its explanation, what changed lately, and what was heard from Stripe.

    The feature key that was asked for comes first, whether there is such a feature or not; then
    what is granted.
    """
    asked = asked.strip()[:80]
    features = Feature.objects.filter(account=customer.account)
    keys = list(features.order_by("lookup_key").values_list("lookup_key", flat=True))
    explanations = explain_features(
        customer, list(dict.fromkeys([asked, *keys] if asked else keys))
    )
    explanations.sort(key=lambda entry: (entry.key != asked, not entry.is_granted, entry.key))
    return {
        "asked_feature": asked,
        "explanations": explanations,
        "changes": customer.entitlement_changes.select_related("feature").order_by("-pk")[:RECENT],
        "events": _events(customer)[:RECENT],
    }


def _events(customer: Customer) -> QuerySet[Event]:
    if not customer.stripe_id:
        return Event.objects.none()
    about = Event.objects.filter(customer_id=customer.stripe_id, account=customer.account)
    return about.defer("payload").order_by("-pk")
