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


@admin.action(description=gettext_lazy("Export as CSV"), permissions=["export"])
def export_csv(
    modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]
) -> StreamingHttpResponse:
    """The chosen rows, streamed; a log entry says who took how many."""
    columns = columns_of(queryset.model)
    LogEntry.objects.create(
        user_id=request.user.pk or 0,
        content_type=ContentType.objects.get_for_model(queryset.model),
        object_id=None,
        object_repr=str(modeladmin.opts.verbose_name_plural)[:200],
        action_flag=CHANGE,
        change_message=f"Export as CSV: {queryset.count()} rows",
    )
    answer = StreamingHttpResponse(lines(queryset, columns), content_type="text/csv; charset=utf-8")
    name = f"{modeladmin.opts.model_name}s.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store, private"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


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
    """The file, line by line."""
    writer = csv.writer(_Echo(), lineterminator="\r\n")
    yield writer.writerow(columns)
    for row in queryset.values_list(*columns).iterator(chunk_size=2000):
        yield writer.writerow([_cell(value) for value in row])


class _Echo:
    """A file that hands each line on."""

    def write(self, text: str) -> str:
        return text


def _cell(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else inert(value)
