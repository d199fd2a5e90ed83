"""Searching lists: first by what has an index, then in small tables by all the rest."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..conf import subscriber_model
from .bases import ModelAdmin

MOST_FOUND = 500
"""How many rows a search by index finds; the page says that there are more."""

LARGE = 100_000
"""From this primary key on, a table is not searched for what merely contains the term."""


class SearchingAdmin(ModelAdmin):
    """Finds by the fields of `get_quick_search`; `search_fields` are for tables that are small.

    One condition over several tables, joined by OR, would read all rows of all of them; so each
    field is looked up by itself.
    """

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        """Fields with an index: the whole value, or `^` for its beginning."""
        return []

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term, fields = search_term.strip(), self.get_quick_search(request)
        if not term or not fields:
            return super().get_search_results(request, queryset, search_term)
        rows: QuerySet[Any] = self.model._base_manager.order_by()
        parts = [rows.filter(_lookup(field, term)).values_list("pk") for field in fields]
        union = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
        found = {pk for (pk,) in union.order_by()[:MOST_FOUND]}
        if len(found) >= MOST_FOUND:
            text = _("More than %(number)d rows begin so: search for a longer beginning.")
            self.message_user(
                request, text % {"number": MOST_FOUND}, messages.WARNING, fail_silently=True
            )
        if found:
            return queryset.filter(pk__in=found), False
        newest = rows.order_by("-pk").values_list("pk", flat=True).first()
        if newest is not None and newest >= LARGE:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)


def _lookup(field: str, term: str) -> Q:
    """As it was typed and in small letters: an index knows no other case."""
    name, lookup = (field[1:], "startswith") if field.startswith("^") else (field, "exact")
    either = Q()
    for text in dict.fromkeys((term, term.lower())):
        either |= Q(**{f"{name}__{lookup}": text})
    return either


def subscriber_search_fields(prefix: str) -> list[str]:
    """How subscribers are found: by their user name, e-mail or names, where they have these."""
    model = apps.get_model(subscriber_model())
    known = {field.name for field in model._meta.get_fields()}
    names = [getattr(model, "USERNAME_FIELD", ""), "email", "name", "first_name", "last_name"]
    return [f"{prefix}__{name}" for name in dict.fromkeys(names) if name in known]


def customer_search_fields(prefix: str = "") -> list[str]:
    """The fields with an index by which customers are found, and their subscribers."""
    model = apps.get_model(subscriber_model())
    subscriber = []
    for path in subscriber_search_fields(f"{prefix}subscriber"):
        field: Any = model._meta.get_field(path.rpartition("__")[2])
        if field.unique or field.db_index:
            subscriber.append(f"^{path}")
    return [f"{prefix}stripe_id", f"^{prefix}email", f"^{prefix}name", *subscriber]
