"""The kinds of drift, and what each says to people."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


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
