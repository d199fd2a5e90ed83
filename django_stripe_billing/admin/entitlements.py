from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from ..models import Entitlement, EntitlementChange
from .inspecting import InspectingAdmin, subscriber_search_fields


@admin.register(Entitlement)
class EntitlementAdmin(InspectingAdmin):
    list_display = ["feature", "customer", "source_kind", "source_id", "limit", "ends_at", "reason"]
    list_filter = ["feature", "source_kind", "reason", "ends_at"]
    list_select_related = ["customer", "feature"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return ["source_id", "feature__lookup_key", "customer__stripe_id", *names]


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
    search_fields = ["source_id", "cause_id", "customer__stripe_id", "feature__lookup_key"]
