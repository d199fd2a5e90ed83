"""What is stored about the subscriptions of a page, as plain tuples, no model objects: two queries,
and one for the invoices of those that are `past_due`.

The same tuple is made from Stripe's JSON. Two that are equal need no parsing; two that differ are
only suspects, which `comparing` looks at with all care.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from ..models import Entitlement, Invoice, SourceKind, Subscription
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
    "is_trial_refused",
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
_FIRST_SCALAR = 4
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


class PageReader:
    """Reads what is stored of a range of seconds of creation; two queries, whatever they hold.

    Their SQL is Django's own, made once: to make it for each page, and each value by Django's
    converters, takes longer than to decode Stripe's page.
    """

    def __init__(self, *, account: str, customer_id: str = "", most: int) -> None:
        """Of one account, or of one customer of it; `most` rows of a join are read at most."""
        self._most = most
        within: dict[str, Any] = {
            "account": account,
            "stripe_created_at__gte": _LOW,
            "stripe_created_at__lte": _HIGH,
        }
        if customer_id:
            within["customer__stripe_id"] = customer_id
        own = Subscription.objects.filter(**within)
        self._rows = _Statement(own.order_by().values_list(*_COLUMNS)[:most])
        held = Entitlement.objects.filter(
            **{f"subscription__{name}": value for name, value in within.items()}
        )
        self._held = _Statement(held.order_by().values_list(*_HELD))
        self._account = account

    def read(self, *, low: int, high: int) -> tuple[dict[str, Row], bool]:
        """The rows with created in [low, high] by Stripe id, and whether these are all."""
        joined = self._rows.run(low=low, high=high)
        rows = _rows(joined)
        by_pk = {row.pk: row for row in rows.values()}
        for values in self._held.run(low=low, high=high):
            row = by_pk.get(values[0])
            if row is not None:
                _hold(row, values)
        _read_unpaid(rows, account=self._account)
        return rows, len(joined) < self._most


def read_rows(subscriptions: QuerySet[Subscription], *, account: str, most: int) -> dict[str, Row]:
    """Stored subscriptions of an account, by Stripe id; two queries, three with unpaid ones."""
    rows = _rows(_run(*_sql(subscriptions.order_by().values_list(*_COLUMNS)[:most])))
    by_pk = {row.pk: row for row in rows.values()}
    held = Entitlement.objects.filter(subscription_id__in=by_pk).order_by().values_list(*_HELD)
    for values in _run(*_sql(held)) if by_pk else ():
        _hold(by_pk[values[0]], values)
    _read_unpaid(rows, account=account)
    return rows


def _read_unpaid(rows: Mapping[str, Row], *, account: str) -> None:
    """Fill in since when the subscriptions in `past_due` wait; one query, none without any."""
    troubled = [stripe_id for stripe_id, row in rows.items() if row.scalars[2] == "past_due"]
    for stripe_id, since in Invoice.objects.unpaid_since(troubled, account=account).items():
        rows[stripe_id].unpaid_since = since


_HELD = (
    "subscription_id",
    "feature_id",
    "ends_at",
    "limit",
    "reason",
    "source_kind",
    "source_id",
    "customer_id",
)
_LOW, _HIGH = datetime(2001, 2, 3, tzinfo=UTC), datetime(2002, 3, 4, tzinfo=UTC)
"""Stand for the bounds until a page names them."""


class _Statement:
    """A query that is made once, and run with other bounds."""

    def __init__(self, rows: QuerySet[Any, Any]) -> None:
        self._sql, self._params = _sql(rows)
        adapt = connection.ops.adapt_datetimefield_value
        self._adapt = adapt
        marks = {adapt(_LOW): "low", adapt(_HIGH): "high"}
        self._places = [
            (place, marks[value]) for place, value in enumerate(self._params) if value in marks
        ]

    def run(self, **bounds: int) -> list[tuple[Any, ...]]:
        params = list(self._params)
        for place, name in self._places:
            params[place] = self._adapt(datetime.fromtimestamp(max(bounds[name], 0), UTC))
        return _run(self._sql, params)


def _sql(rows: QuerySet[Any, Any]) -> tuple[str, Sequence[Any]]:
    sql, params = rows.query.sql_with_params()
    return sql, params


def _run(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _rows(joined: Iterable[tuple[Any, ...]]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for values in joined:
        stripe_id = values[_FIRST_SCALAR]
        row = found.get(stripe_id)
        if row is None:
            scalars = list(values[_FIRST_SCALAR:_FIRST_ITEM])
            for position in _TIMES:
                moment = values[position]
                if moment is not None:
                    scalars[position - _FIRST_SCALAR] = _second(moment)
            row = found[stripe_id] = Row(
                pk=values[0],
                customer_pk=values[1],
                is_customer_deleted=bool(values[2]),
                is_trial_refused=bool(values[3]),
                scalars=tuple(scalars),
            )
        if values[_FIRST_ITEM] is not None:
            start, end = values[-2:]
            row.items.append(
                (
                    *values[_FIRST_ITEM:-2],
                    None if start is None else _second(start),
                    None if end is None else _second(end),
                )
            )
    return found


def _hold(row: Row, values: tuple[Any, ...]) -> None:
    _pk, feature_id, ends_at, limit, reason, source_kind, source_id, customer_pk = values
    row.held[feature_id] = Term(
        ends_at=None if ends_at is None else _second(ends_at), limit=limit, reason=reason
    )
    if source_id != row.scalars[0] or customer_pk != row.customer_pk or source_kind != _SOURCE:
        row.is_held_elsewhere = True


_SOURCE = SourceKind.SUBSCRIPTION.value


def _second(moment: datetime | str) -> int:
    """Unix seconds of what a database driver returns: aware or naive UTC, or text from SQLite."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
