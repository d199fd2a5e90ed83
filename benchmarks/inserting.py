"""Filling tables by one statement each: INSERT … SELECT from generate_series, on PostgreSQL."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Field, Model


def insert(model: type[Model], source: str, **expressions: str) -> None:
    """A row for each of the source's, its columns by SQL expressions over `n`, else the defaults.

    The primary key must be among the expressions: foreign keys are worked out from it.
    """
    columns, values, given = [], [], []
    for field in model._meta.concrete_fields:
        columns.append(connection.ops.quote_name(field.column))
        if field.name in expressions:
            values.append(expressions[field.name].replace("%", "%%"))
        else:
            values.append("%s")
            given.append(_default(field))
    table = connection.ops.quote_name(model._meta.db_table)
    select = f"SELECT {', '.join(values)} FROM {source.replace('%', '%%')}"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) {select}", given)
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'),"
            f" (SELECT coalesce(max(id), 1) FROM {table}))",
            [model._meta.db_table],
        )


def _default(field: Field[Any, Any]) -> Any:
    return field.get_db_prep_save(field.get_default(), connection)
