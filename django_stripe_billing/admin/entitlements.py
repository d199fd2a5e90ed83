from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import Entitlement, EntitlementChange
from .inspecting import InspectingAdmin
from .readable import term
from .searching import customer_search_fields, subscriber_search_fields


@admin.register(Entitlement)
class EntitlementAdmin(InspectingAdmin):
    list_display = [
        "feature",
        "customer",
        "is_current",
        "ends_at",
        "limit",
        "reason",
        "source_kind",
        "source_id",
    ]
    list_filter = ["feature", "source_kind", "ends_at"]
    list_select_related = ["customer", "feature"]
    readonly_fields = ["is_current"]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return ["subscription__stripe_id", *customer_search_fields("customer__")]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return [
            "source_id",
            "feature__lookup_key",
            "customer__stripe_id",
            "customer__email",
            *names,
        ]

    @admin.display(description=_("counts now"), boolean=True)
    def is_current(self, row: Entitlement) -> bool:
        """The row may be past its end: then it grants nothing any more."""
        if row.customer.is_deleted:
            return False
        return row.ends_at is None or row.ends_at > timezone.now()


BEFORE = term("before", _("before"))
AFTER = term("after", _("after"))


@admin.register(EntitlementChange)
class EntitlementChangeAdmin(InspectingAdmin):
    list_display = [
        "created_at",
        "kind",
        "feature",
        "customer",
        "source_id",
        "cause_kind",
        "cause_id",
    ]
    list_filter = ["kind", "cause_kind", "feature", "created_at"]
    list_select_related = ["customer", "feature"]
    fields = [
        "created_at",
        "kind",
        "feature",
        "customer",
        "source_kind",
        "source_id",
        BEFORE,
        AFTER,
        "cause_kind",
        "cause_id",
    ]
    readonly_fields = [BEFORE, AFTER]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return customer_search_fields("customer__")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return ["source_id", "cause_id", "customer__stripe_id", "feature__lookup_key", *names]
