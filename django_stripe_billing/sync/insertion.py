"""Inserting many rows at once: `bulk_create` without its work on each value.

Django prepares every value of every row through five or six calls, and makes the SQL anew each
time: that is more than half of the time of a first sync. Here the SQL is made once for a model and
a database, and a value of its field's plain type goes to the driver as it is. Any other value,
model or database takes Django's own way.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from django.db import connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

Row = TypeVar("Row", bound=models.Model)
Field = Any
"""A concrete field of a model."""

VENDORS = frozenset({"sqlite", "postgresql", "mysql"})
"""Databases whose INSERT is known here, where they return keys: MySQL does not, MariaDB does."""

_INTEGERS: frozenset[type] = frozenset({int, type(None)})
_TEXTS: frozenset[type] = frozenset({str, type(None)})
PLAIN: dict[type[Field], frozenset[type]] = {
    models.AutoField: _INTEGERS,
    models.BigAutoField: _INTEGERS,
    models.IntegerField: _INTEGERS,
    models.BigIntegerField: _INTEGERS,
    models.PositiveIntegerField: _INTEGERS,
    models.PositiveBigIntegerField: _INTEGERS,
    models.BooleanField: frozenset({bool, type(None)}),
    models.CharField: _TEXTS,
    models.TextField: _TEXTS,
}
"""The types of values that a field hands to the driver unchanged; of these very classes alone."""


def insert(rows: Sequence[Row]) -> None:
    """Insert new rows of one model, and set their primary keys.

    The rows that they point to are saved, and known by their keys. Like `bulk_create`, it calls no
    `save` and sends no signal.
    """
    if not rows:
        return
    model = type(rows[0])
    alias = router.db_for_write(model)
    insertion = _insertion(model, alias)
    if insertion is None:
        model._default_manager.using(alias).bulk_create(rows)
        return
    with transaction.atomic(using=alias, savepoint=False):
        insertion.run(rows, connections[alias])


@functools.cache
def _insertion(model: type[models.Model], alias: str) -> Insertion | None:
    connection = connections[alias]
    return Insertion(model, connection) if _is_plain(model, connection) else None


class Insertion:
    """How rows of one model are inserted into one database; the same for each connection."""

    def __init__(self, model: type[models.Model], connection: BaseDatabaseWrapper) -> None:
        fields = _fields(model)
        pk, quote = model._meta.pk, connection.ops.quote_name
        self._fields = fields
        self._pk = pk.attname
        self._dated = [field for field in fields if _is_dated(field)]
        self._values = attrgetter(*(field.attname for field in fields))
        self._plain = [_plain(field) for field in fields]
        self._prepare = [_preparation(field) for field in fields]
        columns = ", ".join(quote(field.column) for field in fields)
        self._head = f"INSERT INTO {quote(model._meta.db_table)} ({columns})"
        self._tail = f"RETURNING {quote(str(pk.column))}"
        self._marks = f"({', '.join(['%s'] * len(fields))})"
        self._arrays = ""
        if connection.vendor == "postgresql":
            # As Django does: a statement that does not grow with the rows is planned in no time.
            types = [str(field.db_type(connection)).partition("(")[0] for field in fields]
            self._arrays = f"UNNEST({', '.join(f'(%s)::{name}[]' for name in types)})"

    def run(self, rows: Sequence[models.Model], connection: BaseDatabaseWrapper) -> None:
        """The number of statements is the least that the database's limits allow."""
        most = max(1, connection.ops.bulk_batch_size(self._fields, rows))
        with connection.cursor() as cursor:
            for first in range(0, len(rows), most):
                batch = rows[first : first + most]
                cursor.execute(*self._statement([self._prepared(row, connection) for row in batch]))
                for row, (pk,) in zip(batch, cursor.fetchall(), strict=True):
                    setattr(row, self._pk, pk)
                    row._state.adding = False
                    row._state.db = connection.alias

    def _statement(self, values: list[list[Any]]) -> tuple[str, list[Any]]:
        if self._arrays:
            columns = [list(column) for column in zip(*values, strict=True)]
            sql = f"{self._head} SELECT * FROM {self._arrays} {self._tail}"  # noqa: S608 - names of ours
            return sql, columns
        marks = ", ".join([self._marks] * len(values))
        return f"{self._head} VALUES {marks} {self._tail}", list(itertools.chain(*values))

    def _prepared(self, row: models.Model, connection: BaseDatabaseWrapper) -> list[Any]:
        for field in self._dated:
            field.pre_save(row, add=True)
        return [
            value if type(value) in plain else prepare(value, connection)
            for value, plain, prepare in zip(
                self._values(row), self._plain, self._prepare, strict=True
            )
        ]


def _fields(model: type[models.Model]) -> list[Field]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _is_plain(model: type[models.Model], connection: BaseDatabaseWrapper) -> bool:
    """Whether nothing about the model or the database asks for Django's own way."""
    fields = _fields(model)
    return (
        connection.vendor in VENDORS
        and connection.features.can_return_rows_from_bulk_insert
        and type(model._meta.pk) in {models.AutoField, models.BigAutoField}
        and len(fields) > 1
        and not model._meta.parents
        and not any(
            field.generated
            or field.has_db_default()
            or hasattr(field, "get_placeholder")
            or (type(field).pre_save is not models.Field.pre_save and not _is_moment(field))
            for field in fields
        )
    )


def _is_moment(field: Field) -> bool:
    return type(field) is models.DateTimeField


def _is_dated(field: Field) -> bool:
    return isinstance(field, models.DateTimeField) and (field.auto_now or field.auto_now_add)


def _plain(field: Field) -> frozenset[type]:
    """Types of values that need no preparation."""
    if type(field) is models.ForeignKey:
        return _plain(field.target_field)
    return PLAIN.get(type(field), frozenset())


def _preparation(field: Field) -> Callable[[Any, BaseDatabaseWrapper], Any]:
    """What Django does to a value; the short way for a moment with its time zone."""
    prepare: Callable[[Any, BaseDatabaseWrapper], Any] = field.get_db_prep_save
    if not _is_moment(field):
        return prepare

    def moment(value: Any, connection: BaseDatabaseWrapper) -> Any:
        if value is None:
            return None
        if type(value) is datetime and value.tzinfo is not None:
            return connection.ops.adapt_datetimefield_value(value)
        return prepare(value, connection)

    return moment
