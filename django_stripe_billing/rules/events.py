"""What a Stripe event is about, from its type and payload alone."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from .json_values import JSONObject, flag, identifier, mapping, second, text

KNOWN_RELEASES = frozenset({"acacia", "basil", "clover", "dahlia", "endive"})
"""The named API releases whose payload shapes `snapshots` reads."""

_PLAIN_DATE = re.compile(r"20(1[89]|2[0-4])-\d\d-\d\d")
_NAMED = re.compile(r"20\d\d-\d\d-\d\d\.([a-z]+)")


class Subject(enum.Enum):
    """The kind of object that an event is about."""

    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"
    PRODUCT = "product"
    PRICE = "price"
    CHECKOUT_SESSION = "checkout.session"
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
    "entitlements.active_entitlement_summary.updated": Subject.ENTITLEMENT_SUMMARY,
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
    """Read a snapshot event or a thin one; None when it has no id, type or moment of creation."""
    event = mapping(data)
    payload = mapping(mapping(event.get("data")).get("object"))
    event_id, event_type = identifier(event.get("id")), text(event.get("type"))
    created = second(event.get("created"))
    if event.get("object") == "v2.core.event":
        created, payload = 0, mapping(event.get("related_object"))
    if not event_id or not event_type or created is None:
        return None
    livemode = event.get("livemode")
    object_id = identifier(payload)
    if payload.get("object") == "customer":
        customer_id = object_id
    else:
        customer_id = identifier(payload.get("customer"))
    return EventSnapshot(
        id=event_id,
        type=event_type,
        created=created,
        api_version=text(event.get("api_version"), longest=64),
        livemode=flag(livemode) if isinstance(livemode, bool) else None,
        account=identifier(event.get("account")),
        object=payload,
        object_id=object_id,
        customer_id=customer_id,
    )
