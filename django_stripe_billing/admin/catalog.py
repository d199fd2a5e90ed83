from __future__ import annotations

from typing import Any

from django.contrib import admin

from ..models import Feature, Price, Product, ProductFeature
from .inspecting import InspectingAdmin, InspectingInline, dashboard_link


class ProductFeatureInline(InspectingInline):
    model = ProductFeature
    fields = ["feature", "limit", "is_limit_per_unit", "removed_at"]


class PriceInline(InspectingInline):
    model = Price
    fields = ["stripe_id", "lookup_key", "unit_amount", "currency", "interval", "active"]
    show_change_link = True


@admin.register(Product)
class ProductAdmin(InspectingAdmin):
    list_display = ["__str__", "stripe_id", "active", "is_deleted", "in_stripe"]
    list_filter = ["active", "is_deleted"]
    search_fields = ["name", "stripe_id"]
    inlines = [ProductFeatureInline, PriceInline]

    @admin.display(description="Dashboard")
    def in_stripe(self, row: Any) -> str:
        return dashboard_link("products", row)

    fields = [
        "name",
        "stripe_id",
        "in_stripe",
        "account",
        "description",
        "active",
        "is_deleted",
        "metadata",
    ]


@admin.register(Price)
class PriceAdmin(InspectingAdmin):
    list_display = [
        "__str__",
        "product",
        "unit_amount",
        "currency",
        "interval",
        "active",
        "in_stripe",
    ]
    list_filter = ["active", "interval", "currency"]
    list_select_related = ["product"]
    search_fields = ["lookup_key", "stripe_id", "nickname", "product__name"]

    @admin.display(description="Dashboard")
    def in_stripe(self, row: Any) -> str:
        return dashboard_link("prices", row)


@admin.register(Feature)
class FeatureAdmin(InspectingAdmin):
    list_display = ["lookup_key", "name", "combine", "active", "stripe_id"]
    list_filter = ["active", "combine"]
    search_fields = ["lookup_key", "name", "stripe_id"]
