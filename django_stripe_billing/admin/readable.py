"""Fields of rows as people read them: money, links, lists, what was granted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..money import formatted

Column = Any
"""A callable; django-stubs know these in `list_display`, and not in `fields`."""

NOTHING = "—"
"""A page shows None as a word."""


def money(field: str, label: Any) -> Column:
    """A column of minor units in `row.currency`; `label` is the field's own."""

    @admin.display(description=label, ordering=field)
    def shown(row: Any) -> str:
        amount = getattr(row, field)
        if amount is None:
            return NOTHING
        return formatted(amount, row.currency) if row.currency else str(amount)

    shown.__name__ = f"{field}_as_money"
    return shown


def link(field: str, label: Any) -> Column:
    """A column of an address that is opened in a tab of its own."""

    @admin.display(description=label)
    def shown(row: Any) -> str:
        url = getattr(row, field)
        if not url:
            return NOTHING
        return format_html(
            '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', url, url
        )

    shown.__name__ = f"{field}_as_link"
    return shown


def term(field: str, label: Any) -> Column:
    """A column of what an entitlement grants, as `EntitlementChange` keeps it."""

    @admin.display(description=label)
    def shown(row: Any) -> str:
        kept = getattr(row, field)
        if not isinstance(kept, dict):
            return NOTHING
        words = term_in_words(kept).strip(" ,") or _("without end, without limit")
        reason = str(kept.get("reason") or "").replace("_", " ")
        return f"{words} ({reason})" if reason else words

    shown.__name__ = f"{field}_in_words"
    return shown


def term_in_words(kept: Any) -> str:
    """` until Dec. 24, 2026, 6 p.m., up to 5`; '' without an end and a limit."""
    if not isinstance(kept, dict):
        return ""
    text = ""
    if isinstance(ends_at := kept.get("ends_at"), int):
        local = timezone.localtime(datetime.fromtimestamp(ends_at, UTC))
        text += " " + _("until %(moment)s") % {"moment": date_format(local, "DATETIME_FORMAT")}
    if isinstance(limit := kept.get("limit"), int):
        text += ", " + _("up to %(limit)d") % {"limit": limit}
    return text


class InWordsFilter(admin.ChoicesFieldListFilter):
    """Choices that are codes, in words."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield {**choice, "display": str(choice["display"]).replace("_", " ")}


PRICE = money("unit_amount", gettext_lazy("amount"))
AMOUNT = money("amount", gettext_lazy("amount"))
REFUNDED = money("amount_refunded", gettext_lazy("refunded"))
