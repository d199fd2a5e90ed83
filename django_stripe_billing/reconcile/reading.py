"""What is stored about the subscriptions of a page, as plain tuples, no model objects: two queries,
and one for the invoices of those that are `past_due`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from ..models import Entitlement, Invoice, SourceKind, Subscription
from ..rules.entitlements import Term
from .row_keys import SCALARS, Row

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
