"""What is stored about the subscriptions of a page, as plain tuples: two queries, no model objects.

The same tuple is made from Stripe's JSON. Two that are equal need no parsing; two that differ are
only suspects, which `comparing` looks at with all care.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from ..models import Entitlement, SourceKind, Subscription
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

_COLUMNS = (
    "pk",
    "customer_id",
    "customer__is_deleted",
    "stripe_id",
    "customer__stripe_id",
    "status",
    "livemode",
    "stripe_created_at",
    "start_at",
    "trial_start_at",
    "trial_end_at",
    "cancel_at",
    "cancel_at_period_end",
    "canceled_at",
    "ended_at",
    "currency",
    "collection_method",
    "latest_invoice_id",
    "test_clock_id",
    "items__stripe_id",
    "items__price_id",
    "items__product_id",
    "items__quantity",
    "items__current_period_start_at",
    "items__current_period_end_at",
)
_FIRST_SCALAR = 3
_FIRST_ITEM = _FIRST_SCALAR + len(SCALARS)
_TIMES = tuple(
    position for position, name in enumerate(_COLUMNS[:_FIRST_ITEM]) if name.endswith("_at")
)


@dataclass(kw_only=True, slots=True)
class Row:
    """One stored subscription."""

    pk: int
    customer_pk: int
    is_customer_deleted: bool
    scalars: Key
    items: list[Key] = field(default_factory=list)
    held: dict[int, Term] = field(default_factory=dict)
    """By the feature's primary key."""
    is_held_elsewhere: bool = False
    """One of its entitlements is another customer's."""

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


def read_rows(subscriptions: QuerySet[Subscription], *, most: int) -> tuple[dict[str, Row], bool]:
    """Stored subscriptions by Stripe id, and whether these are all; one query.

    At most `most` rows of the join with the items are read.
    """
    found: dict[str, Row] = {}
    joined = list(subscriptions.order_by().values_list(*_COLUMNS)[:most])
    for values in joined:
        stripe_id = values[_FIRST_SCALAR]
        row = found.get(stripe_id)
        if row is None:
            scalars = list(values[_FIRST_SCALAR:_FIRST_ITEM])
            for position in _TIMES:
                moment = values[position]
                if moment is not None:
                    scalars[position - _FIRST_SCALAR] = int(moment.timestamp())
            row = found[stripe_id] = Row(
                pk=values[0],
                customer_pk=values[1],
                is_customer_deleted=values[2],
                scalars=tuple(scalars),
            )
        if values[_FIRST_ITEM] is not None:
            row.items.append((*values[_FIRST_ITEM:-2], _second(values[-2]), _second(values[-1])))
    return found, len(joined) < most


def read_held(rows: Iterable[Row]) -> None:
    """Fill in what the rows' entitlements grant; one query."""
    by_pk = {row.pk: row for row in rows}
    held = Entitlement.objects.filter(subscription_id__in=by_pk).values_list(
        "subscription_id",
        "feature_id",
        "ends_at",
        "limit",
        "reason",
        "source_kind",
        "source_id",
        "customer_id",
    )
    for pk, feature_id, ends_at, limit, reason, source_kind, source_id, customer_pk in held:
        row = by_pk[pk]
        row.held[feature_id] = Term(ends_at=_second(ends_at), limit=limit, reason=reason)
        row.is_held_elsewhere |= (source_kind, source_id, customer_pk) != (
            SourceKind.SUBSCRIPTION,
            row.scalars[0],
            row.customer_pk,
        )


def _second(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
