"""The rows that a run is about, and reading them by primary key, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

from ..models import Customer
from .options import Options

Row = TypeVar("Row", bound=Model)

CHUNK = 500


def in_chunks(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """Lists of at most 500 rows, a query each: a repair may change or delete what was read."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def customers_of(options: Options) -> QuerySet[Customer]:
    """The stored customers of an account, or the one that is asked for."""
    rows = Customer.objects.filter(account=options.account)
    return rows.filter(stripe_id=options.customer_id) if options.customer_id else rows
