"""What each event may do: the table of docs/signals.md, which the tests hold against both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..rules.events import SUBJECTS, Subject


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an event of a type may lead to."""

    does: str
    """In a few words, for people."""
    signals: tuple[str, ...] = ()
    """Names in `signals`; which of them depends on what the event changes."""
    emails: tuple[str, ...] = ()
    """Kinds of e-mail."""


ENTITLEMENTS = ("entitlement_granted", "entitlement_changed", "entitlement_revoked")
SUBSCRIPTION = Effect(
    does="stores the subscription, writes what it grants",
    signals=(
        "subscription_changed",
        *ENTITLEMENTS,
        "access_ending",
        "dunning_started",
        "dunning_recovered",
        "subscription_ended",
    ),
    emails=("subscription_ended",),
)
INVOICE = Effect(
    does="stores the invoice, moves the grace that counts from it",
    signals=("entitlement_changed", "access_ending"),
)
PAYMENT = Effect(
    does="fetches the one-off payment, writes what it grants; or fetches the invoice that was paid",
    signals=("payment_changed", "invoice_refunded", "invoice_disputed", *ENTITLEMENTS),
    emails=("receipt",),
)
CATALOG = Effect(does="mirrors the catalog, writes what it grants", signals=ENTITLEMENTS)

BY_SUBJECT: Mapping[Subject, Effect] = {
    Subject.SUBSCRIPTION: SUBSCRIPTION,
    Subject.CUSTOMER: Effect(
        does="stores the customer, their credit and default card", signals=("entitlement_revoked",)
    ),
    Subject.PRODUCT: CATALOG,
    Subject.PRICE: Effect(does="mirrors the catalog"),
    Subject.CHECKOUT_SESSION: Effect(
        does="closes the checkout, fetches what it sold where that is not known",
        signals=("payment_changed", *SUBSCRIPTION.signals),
        emails=("receipt", *SUBSCRIPTION.emails),
    ),
    Subject.PAYMENT: PAYMENT,
    Subject.ENTITLEMENT_SUMMARY: Effect(does="notes what Stripe lists and is not granted here"),
    Subject.INVOICE: INVOICE,
    Subject.UPCOMING_INVOICE: Effect(
        does="stores nothing", signals=("renewal_coming",), emails=("renewal_coming",)
    ),
    Subject.PAYMENT_METHOD: Effect(does="keeps brand, last four and expiry of the card on file"),
}

_PAID = Effect(does=INVOICE.does, signals=(*INVOICE.signals, "invoice_paid"), emails=("receipt",))

BY_TYPE: Mapping[str, Effect] = {
    "customer.subscription.trial_will_end": Effect(
        does=SUBSCRIPTION.does,
        signals=("trial_will_end", *SUBSCRIPTION.signals),
        emails=("trial_ending", *SUBSCRIPTION.emails),
    ),
    "invoice.paid": _PAID,
    "invoice.payment_succeeded": _PAID,
    "invoice.updated": _PAID,
    "invoice.created": _PAID,
    "invoice.finalized": _PAID,
    "invoice.payment_failed": Effect(
        does=INVOICE.does,
        signals=(*INVOICE.signals, "payment_failed", "invoice_paid"),
        emails=("payment_failed", "receipt"),
    ),
    "invoice.payment_action_required": Effect(
        does=INVOICE.does,
        signals=(*INVOICE.signals, "payment_action_required", "invoice_paid"),
        emails=("action_required", "receipt"),
    ),
}
"""Types that do more than their subject."""

EFFECTS: Mapping[str, Effect] = {
    event_type: BY_TYPE.get(event_type, BY_SUBJECT[subject])
    for event_type, subject in SUBJECTS.items()
}
"""By event type; every type that is handled."""
