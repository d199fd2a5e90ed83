"""A subscription as one plain tuple, made alike from what is stored and from Stripe's JSON.

Two that are equal need no parsing; two that differ are only suspects, which `comparing` looks at
with all care.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..rules.entitlements import Term
from ..rules.snapshots import SubscriptionItemSnapshot, SubscriptionSnapshot

Key = tuple[Any, ...]
"""All that is stored of a subscription: scalars in the order of `SCALARS`, then the items."""

SCALARS = (
    "id",
    "customer",
    "status",
    "livemode",
    "created",
    "start_date",
    "trial_start",
    "trial_end",
    "cancel_at",
    "cancel_at_period_end",
    "canceled_at",
    "ended_at",
    "currency",
    "collection_method",
    "latest_invoice",
    "test_clock",
)


@dataclass(kw_only=True, slots=True)
class Row:
    """One stored subscription."""

    pk: int
    customer_pk: int
    is_customer_deleted: bool
    is_trial_refused: bool
    scalars: Key
    items: list[Key] = field(default_factory=list)
    held: dict[int, Term] = field(default_factory=dict)
    """By the feature's primary key."""
    is_held_elsewhere: bool = False
    """One of its entitlements is another customer's."""
    unpaid_since: int | None = None
    """In `past_due`, since when its oldest unpaid invoice waits; None while none is known."""

    @property
    def key(self) -> Key:
        items = self.items
        if len(items) > 1:
            items = sorted(items)
        return (*self.scalars, tuple(items))


def remote_key(subscription: Mapping[str, Any]) -> Key | None:
    """The key of Stripe's JSON; None where it is not of the plain shape that rows are made of."""
    get = subscription.get
    listed = get("items")
    if type(listed) is not dict or listed.get("has_more") is not False:
        return None
    latest_invoice = get("latest_invoice")
    if latest_invoice is not None and type(latest_invoice) is not str:
        return None
    try:
        items = [
            (
                item["id"],
                item["price"]["id"],
                item["price"]["product"],
                item.get("quantity"),
                item["current_period_start"],
                item["current_period_end"],
            )
            for item in listed["data"]
        ]
        if len(items) > 1:
            items.sort()
        return (
            get("id"),
            get("customer"),
            get("status"),
            get("livemode"),
            get("created"),
            get("start_date"),
            get("trial_start"),
            get("trial_end"),
            get("cancel_at"),
            get("cancel_at_period_end"),
            get("canceled_at"),
            get("ended_at"),
            get("currency"),
            get("collection_method"),
            latest_invoice or "",
            get("test_clock") or "",
            tuple(items),
        )
    except (KeyError, TypeError):
        return None


def snapshot_of(key: Key) -> SubscriptionSnapshot:
    """The snapshot that a key is made of."""
    return SubscriptionSnapshot(
        id=key[0],
        customer_id=key[1] or "",
        status=key[2],
        livemode=key[3],
        created=key[4],
        start_date=key[5],
        trial_start=key[6],
        trial_end=key[7],
        cancel_at=key[8],
        cancel_at_period_end=key[9],
        canceled_at=key[10],
        ended_at=key[11],
        currency=key[12],
        collection_method=key[13],
        latest_invoice_id=key[14],
        test_clock_id=key[15],
        items=tuple(
            SubscriptionItemSnapshot(
                id=item[0],
                price_id=item[1],
                product_id=item[2],
                quantity=item[3],
                current_period_start=item[4],
                current_period_end=item[5],
            )
            for item in key[16]
        ),
    )


def key_of(snapshot: SubscriptionSnapshot) -> Key:
    """The key of a snapshot."""
    return (
        snapshot.id,
        snapshot.customer_id,
        snapshot.status,
        snapshot.livemode,
        snapshot.created,
        snapshot.start_date,
        snapshot.trial_start,
        snapshot.trial_end,
        snapshot.cancel_at,
        snapshot.cancel_at_period_end,
        snapshot.canceled_at,
        snapshot.ended_at,
        snapshot.currency,
        snapshot.collection_method,
        snapshot.latest_invoice_id,
        snapshot.test_clock_id,
        tuple(
            (
                item.id,
                item.price_id,
                item.product_id,
                item.quantity,
                item.current_period_start,
                item.current_period_end,
            )
            for item in snapshot.items
        ),
    )
