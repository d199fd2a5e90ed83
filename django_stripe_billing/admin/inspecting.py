"""Admins that show, and change nothing that Stripe decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..conf import STRIPE_API_BASE, settings
from .bases import TabularInline
from .exporting import PERMISSION, export_csv
from .listing import CountingPaginator
from .searching import SearchingAdmin

if TYPE_CHECKING:  # it is generic for type checkers only
    InlineFormSet = BaseInlineFormSet[Any, Any, Any]
else:
    InlineFormSet = BaseInlineFormSet

DASHBOARD = "https://dashboard.stripe.com"

MOST_INLINE = 100
"""How many related rows a page shows; their own list has all."""


class InspectingAdmin(SearchingAdmin):
    """Everything is read-only: rows come from Stripe, and history is not deleted."""

    actions = [export_csv]
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # a count of all rows for each choice of each filter
    paginator = CountingPaginator
    dashboard_folder = ""
    """Where Stripe's Dashboard shows these objects."""

    class Media:
        css = {"all": ["stripe_billing/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.display(description=_("at Stripe"))
    def in_stripe(self, row: Any) -> str:
        """A link to the object in Stripe's Dashboard."""
        return dashboard_link(self.dashboard_folder, row)


class FirstRows(InlineFormSet):
    """The first rows of a related model: somebody may have thousands."""

    def get_queryset(self) -> QuerySet[Any]:
        if not hasattr(self, "_first"):
            self._first = super().get_queryset()[:MOST_INLINE]
        return self._first


class InspectingInline(TabularInline):
    """Rows of a related model, read-only."""

    formset = FirstRows
    template = "admin/stripe_billing/inline.html"
    hide_title = True  # of each row, in unfold
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def dashboard_link(folder: str, row: Any, *, stripe_id: str | None = None) -> str:
    """A link to a mirrored object in Stripe's Dashboard, or to `stripe_id`; a sandbox has none."""
    if stripe_id is None:
        stripe_id = row.stripe_id
    if not stripe_id or settings.api_base != STRIPE_API_BASE:
        return "—"
    livemode = getattr(row, "livemode", settings.livemode)
    parts = [DASHBOARD, row.account, "" if livemode else "test", folder, stripe_id]
    url = "/".join(part for part in parts if part)
    return format_html(
        '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', url, _("in Stripe")
    )
