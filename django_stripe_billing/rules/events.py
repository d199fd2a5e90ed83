"""What a Stripe event is about, from its type and payload alone."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .json_values import JSONObject, customer_of, flag, identifier, mapping, second, text

KNOWN_RELEASES = frozenset({"acacia", "basil", "clover", "dahlia", "endive"})
"""The named API releases whose payload shapes `snapshots` reads."""

THIN = "v2.core.event"
"""The `object` of an event that names what changed and does not hold it.
https://docs.stripe.com/event-destinations#thin-events"""

LONGEST_ACCOUNT = 64
_SECRETS = frozenset({"client_secret", "secret"})
"""Keys whose values let the holder act: on a payment, or as an endpoint."""
_OPENED_BY_LINK = frozenset({"billing_portal.session", "checkout.session"})
"""Objects whose `url` is a bearer link: whoever has it acts as the customer."""

_PLAIN_DATE = re.compile(r"20(1[89]|2[0-4])-\d\d-\d\d")
_NAMED = re.compile(r"20\d\d-\d\d-\d\d\.([a-z]+)")


class Subject(enum.Enum):
    """The kind of object that an event is about."""

    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"
    PRODUCT = "product"
    PRICE = "price"
    CHECKOUT_SESSION = "checkout.session"
    INVOICE = "invoice"
    UPCOMING_INVOICE = "upcoming invoice"
    PAYMENT = "payment"
    """The money of a one-off purchase: its charge, refunds and disputes."""
    INVOICE_MONEY = "money of an invoice"
    """What paid an invoice; no event is about it alone."""
    PAYMENT_METHOD = "payment_method"
    ENTITLEMENT_SUMMARY = "entitlements.active_entitlement_summary"


SUBJECTS = {
    **{
        f"customer.subscription.{verb}": Subject.SUBSCRIPTION
        for verb in (
            "created",
            "updated",
            "deleted",
            "paused",
            "resumed",
            "trial_will_end",
            "pending_update_applied",
            "pending_update_expired",
        )
    },
    **{f"customer.{verb}": Subject.CUSTOMER for verb in ("created", "updated", "deleted")},
    **{f"product.{verb}": Subject.PRODUCT for verb in ("created", "updated", "deleted")},
    **{f"price.{verb}": Subject.PRICE for verb in ("created", "updated", "deleted")},
    **{
        f"checkout.session.{verb}": Subject.CHECKOUT_SESSION
        for verb in ("completed", "async_payment_succeeded", "async_payment_failed", "expired")
    },
    **dict.fromkeys(
        (
            "charge.refunded",
            "charge.refund.updated",
            *(f"refund.{verb}" for verb in ("created", "updated", "failed")),
            *(
                f"charge.dispute.{verb}"
                for verb in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
            ),
        ),
        Subject.PAYMENT,
    ),
    "entitlements.active_entitlement_summary.updated": Subject.ENTITLEMENT_SUMMARY,
    **{
        f"invoice.{verb}": Subject.INVOICE
        for verb in (
            "created",
            "updated",
            "deleted",
            "finalized",
            "finalization_failed",
            "paid",
            "payment_succeeded",
            "payment_failed",
            "payment_action_required",
            "overdue",
            "marked_uncollectible",
            "voided",
        )
    },
    "invoice.upcoming": Subject.UPCOMING_INVOICE,
    **{
        f"payment_method.{verb}": Subject.PAYMENT_METHOD
        for verb in ("attached", "updated", "automatically_updated", "detached")
    },
}
"""Event type to subject. A type that is not here is stored and ignored."""


@dataclass(frozen=True, kw_only=True)
class EventSnapshot:
    """A Stripe event, parsed. https://docs.stripe.com/api/events/object"""

    id: str
    type: str
    created: int
    """Whole seconds of Stripe's clock."""
    api_version: str
    livemode: bool | None
    """None when the payload does not say."""
    account: str
    """`acct_…` for an event of a connected account, else ''."""
    object: JSONObject
    object_id: str
    customer_id: str
    is_thin: bool
    """It names its object and does not hold it."""
    previous: JSONObject
    """`previous_attributes`: what the change has changed, as it was before."""

    @property
    def subject(self) -> Subject | None:
        return SUBJECTS.get(self.type)

    @property
    def is_deletion(self) -> bool:
        """The object is gone at Stripe (a deleted subscription still exists, as canceled)."""
        return self.type in {"customer.deleted", "product.deleted", "price.deleted"}

    @property
    def has_known_shape(self) -> bool:
        """The payload is in an API version that `snapshots` reads."""
        named = _NAMED.fullmatch(self.api_version)
        if named:
            return named[1] in KNOWN_RELEASES
        return bool(_PLAIN_DATE.fullmatch(self.api_version))


def parse_event(data: object) -> EventSnapshot | None:
    """Read a snapshot event or a thin one.

    None when it has no id, type or moment of creation, or names an account that is none: an event
    of somebody else's account must not be taken for the platform's.
    """
    event = mapping(data)
    is_thin = event.get("object") == THIN
    payload = mapping(event.get("related_object" if is_thin else "data"))
    if not is_thin:
        payload = mapping(payload.get("object"))
    event_id, event_type = identifier(event.get("id")), text(event.get("type"))
    created = _second_of(event.get("created")) if is_thin else second(event.get("created"))
    account = identifier(_named_account(event))
    if not event_id or not event_type or created is None:
        return None
    if names_account(event) and not 0 < len(account) <= LONGEST_ACCOUNT:
        return None
    livemode = event.get("livemode")
    object_id = identifier(payload)
    return EventSnapshot(
        id=event_id,
        type=event_type,
        created=created,
        api_version=text(event.get("api_version"), longest=64),
        livemode=flag(livemode) if isinstance(livemode, bool) else None,
        account=account,
        object=payload,
        object_id=object_id,
        customer_id=object_id if payload.get("object") == "customer" else customer_of(payload),
        is_thin=is_thin,
        previous=mapping(mapping(event.get("data")).get("previous_attributes")),
    )


def names_account(data: object) -> bool:
    """Whether an event says that it is a connected account's, however unreadably.

    https://docs.stripe.com/connect/webhooks
    """
    return _named_account(mapping(data)) is not None


def _named_account(event: JSONObject) -> object:
    """A thin event names the account in its context."""
    return event.get("context" if event.get("object") == THIN else "account")


def without_bearer_values(payload: Any) -> Any:
    """The payload without what would let its reader act: client secrets, and links into sessions.

    https://docs.stripe.com/api/customer_portal/sessions/object
    """
    if isinstance(payload, list):
        return [without_bearer_values(entry) for entry in payload]
    if not isinstance(payload, dict):
        return payload
    hidden = _SECRETS | ({"url"} if text(payload.get("object")) in _OPENED_BY_LINK else set())
    return {
        key: "[removed]"
        if key in hidden and isinstance(entry, str)
        else without_bearer_values(entry)
        for key, entry in payload.items()
    }


def _second_of(value: object) -> int | None:
    """The second of an ISO 8601 moment, as thin events have them, else None."""
    try:
        moment = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return second(int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()))
