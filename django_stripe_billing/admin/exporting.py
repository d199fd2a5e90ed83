"""Lists as CSV, for a spreadsheet: what is chosen, row by row, with nothing that it would run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import JSONField, Model, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext_lazy

from ..reconcile.formats import inert

PERMISSION = "stripe_billing.export_customer"

LEFT_OUT = frozenset(
    {"hosted_invoice_url", "invoice_pdf", "observed_low", "observed_high", "revision"}
)
"""Bearer links, and what is about the mirror itself."""


CHUNK = 2_000
"""How many rows are read at once."""


@admin.action(description=gettext_lazy("Export as CSV"), permissions=["export"])
def export_csv(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> StreamingHttpResponse:
    """The chosen rows, streamed; a log entry says who took how many."""
    entry = LogEntry.objects.create(
        user_id=request.user.pk or 0,
        content_type=ContentType.objects.get_for_model(queryset.model),
        object_id=None,
        object_repr=str(modeladmin.opts.verbose_name_plural)[:200],
        action_flag=CHANGE,
        change_message="Export as CSV: begun",
    )
    answer = StreamingHttpResponse(
        logged(lines(queryset, columns_of(queryset.model)), entry),
        content_type="text/csv; charset=utf-8",
    )
    name = f"{modeladmin.opts.model_name}s.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store, private"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def logged(file: Iterator[str], entry: LogEntry) -> Iterator[str]:
    """The file; when it ends, or the reader goes away, the log says how many rows were taken.

    To count them before would take longer than the first of them.
    """
    number = -1  # the header is no row
    try:
        for line in file:
            number += 1
            yield line
    finally:
        entry.change_message = f"Export as CSV: {max(number, 0)} rows"
        entry.save(update_fields=["change_message"])


def columns_of(model: type[Model]) -> list[str]:
    """The columns that are for people: no payloads, no links that open something."""
    return [
        field.attname
        for field in model._meta.concrete_fields
        if not isinstance(field, JSONField)
        and field.name not in LEFT_OUT
        and (field.editable or field.primary_key)
    ]


def lines(queryset: QuerySet[Any], columns: list[str]) -> Iterator[str]:
    """The file, line by line, in the order of the primary key."""
    writer = csv.writer(_Echo(), lineterminator="\r\n")
    yield writer.writerow(columns)
    key, last = columns.index(queryset.model._meta.pk.attname), None
    rows = queryset.order_by("pk").values_list(*columns)
    while True:  # a cursor outside a transaction would make PostgreSQL store all rows first
        found = list((rows if last is None else rows.filter(pk__gt=last))[:CHUNK])
        for row in found:
            yield writer.writerow([_cell(value) for value in row])
        if len(found) < CHUNK:
            return
        last = found[-1][key]


class _Echo:
    """A file that hands each line on."""

    def write(self, text: str) -> str:
        return text


def _cell(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else inert(value)
