"""Admins that show, and change nothing that Stripe decides."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..conf import STRIPE_API_BASE, settings, subscriber_model
from .bases import ModelAdmin, TabularInline
from .exporting import PERMISSION, export_csv

DASHBOARD = "https://dashboard.stripe.com"


class InspectingAdmin(ModelAdmin):
    """Everything is read-only: rows come from Stripe, and history is not deleted."""

    actions = [export_csv]
    list_per_page = 50
    show_full_result_count = False
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

    @admin.display(description=_("Dashboard"))
    def in_stripe(self, row: Any) -> str:
        """A link to the object in Stripe's Dashboard."""
        return dashboard_link(self.dashboard_folder, row)


class InspectingInline(TabularInline):
    """Rows of a related model, read-only."""

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


def subscriber_search_fields(prefix: str) -> list[str]:
    """How subscribers are found: by their user name, e-mail or names, where they have these."""
    model = apps.get_model(subscriber_model())
    known = {field.name for field in model._meta.get_fields()}
    names = [getattr(model, "USERNAME_FIELD", ""), "email", "name", "first_name", "last_name"]
    return [f"{prefix}__{name}" for name in dict.fromkeys(names) if name in known]
