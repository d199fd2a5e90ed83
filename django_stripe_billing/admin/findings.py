"""What support needs to know of a customer, in a constant number of queries."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ..access import explain_features
from ..access.dunning import dunning_of_customer
from ..models import Customer, Event, Feature

RECENT = 20
LAST_INVOICES = 10


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
        "granted": [entry for entry in explanations if entry.is_granted],
        "changes": customer.entitlement_changes.select_related("feature").order_by("-pk")[:RECENT],
        "events": _events(customer)[:RECENT],
        "dunning": _about_dunning(customer),
        "invoices": customer.invoices.order_by("-stripe_created_at", "-pk")[:LAST_INVOICES],
    }


def _about_dunning(customer: Customer) -> str:
    """Whether a payment is missing, in a sentence; '' when all is paid."""
    found = dunning_of_customer(customer.pk)
    if found is None:
        return ""
    values = {
        "subscription": found.subscription_id,
        "status": found.status,
        "amount": found.amount_text or "—",
        "attempt": found.attempt,
        "ends": date_format(found.access_ends_at) if found.access_ends_at else "—",
        "next": date_format(found.next_attempt_at) if found.next_attempt_at else _("not at all"),
    }
    if found.has_access:
        text = _(
            "%(subscription)s is %(status)s: %(amount)s is missing after %(attempt)d attempts."
            " Access goes on until %(ends)s; Stripe tries again: %(next)s."
        )
    else:
        text = _(
            "%(subscription)s is %(status)s: %(amount)s is missing after %(attempt)d attempts."
            " Access has ended; Stripe tries again: %(next)s."
        )
    return text % values


def _events(customer: Customer) -> QuerySet[Event]:
    if not customer.stripe_id:
        return Event.objects.none()
    about = Event.objects.filter(customer_id=customer.stripe_id, account=customer.account)
    return about.defer("payload").order_by("-pk")
