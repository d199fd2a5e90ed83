from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ..models import Feature, Price, Product, ProductFeature
from .inspecting import InspectingAdmin, InspectingInline
from .readable import PRICE


class ProductFeatureInline(InspectingInline):
    model = ProductFeature
    fields = ["feature", "limit", "is_limit_per_unit", "removed_at", "stripe_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("feature", "product")


class PriceInline(InspectingInline):
    model = Price
    fields = ["stripe_id", "lookup_key", PRICE, "interval", "active"]
    readonly_fields = [PRICE]
    show_change_link = True


@admin.register(Product)
class ProductAdmin(InspectingAdmin):
    dashboard_folder = "products"
    list_display = ["__str__", "stripe_id", "active", "is_deleted", "in_stripe"]
    list_filter = ["active", "is_deleted"]
    search_fields = ["name", "stripe_id", "product_features__feature__lookup_key"]
    inlines = [ProductFeatureInline, PriceInline]
    readonly_fields = ["in_stripe"]
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
    dashboard_folder = "prices"
    list_display = [
        "__str__",
        "product",
        PRICE,
        "interval",
        "active",
        "in_stripe",
    ]
    list_filter = ["active", "is_deleted", "type", "interval", "currency"]
    list_select_related = ["product"]
    search_fields = ["lookup_key", "stripe_id", "nickname", "product__name", "product__stripe_id"]
    fields = [
        "lookup_key",
        "stripe_id",
        "in_stripe",
        "product",
        "nickname",
        "type",
        PRICE,
        "interval",
        "interval_count",
        "usage_type",
        "active",
        "is_deleted",
        "metadata",
        "account",
    ]
    readonly_fields = ["in_stripe", PRICE]


@admin.register(Feature)
class FeatureAdmin(InspectingAdmin):
    list_display = ["lookup_key", "name", "combine", "active", "stripe_id"]
    list_filter = ["active", "combine"]
    search_fields = ["lookup_key", "name", "stripe_id"]
