from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import CheckoutSession, Subscription, SubscriptionItem
from ..sync import sync_subscription
from .asking import AskingAdmin
from .deeds import EndSubscription, ExtendTrial
from .doing import DoingAdmin
from .inspecting import InspectingAdmin, InspectingInline
from .listing import known_values
from .searching import customer_search_fields, subscriber_search_fields
from .synced import in_words, synced_by


class SubscriptionItemInline(InspectingInline):
    model = SubscriptionItem
    fields = [
        "stripe_id",
        "price_id",
        "product_id",
        "quantity",
        "current_period_start_at",
        "current_period_end_at",
    ]


@admin.register(Subscription)
class SubscriptionAdmin(DoingAdmin, AskingAdmin):
    deeds = (ExtendTrial(), EndSubscription())
    asking_name = "sync"
    asking_label = gettext_lazy("Sync from Stripe")
    asking_permission = "stripe_billing.sync_subscription"
    dashboard_folder = "subscriptions"
    list_display = [
        "stripe_id",
        "customer",
        "subscriber",
        "status",
        "cancel_at",
        "ended_at",
        "in_stripe",
    ]
    list_filter = [
        known_values(
            "status",
            "trialing",
            "active",
            "past_due",
            "unpaid",
            "paused",
            "incomplete",
            "canceled",
            "incomplete_expired",
            "missing",
        ),
        "cancel_at_period_end",
        "stripe_created_at",
    ]
    list_select_related = ["customer__subscriber"]
    readonly_fields = ["in_stripe"]
    inlines = [SubscriptionItemInline]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return ["stripe_id", *customer_search_fields("customer__")]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return [
            "stripe_id",
            "customer__stripe_id",
            "customer__email",
            "latest_invoice_id",
            "items__price_id",
            *names,
        ]

    @admin.display(description=gettext_lazy("subscriber"))
    def subscriber(self, row: Any) -> Any:
        return row.customer.subscriber

    def ask(self, request: HttpRequest, row: Any) -> str:
        with synced_by(request, customer=row.customer) as (cause, told):
            sync_subscription(row.stripe_id, account=row.account, cause=cause)
        row.refresh_from_db(fields=["status"])
        return _("read from Stripe, %(status)s: %(changes)s.") % {
            "status": row.status,
            "changes": in_words(told),
        }


@admin.register(CheckoutSession)
class CheckoutSessionAdmin(InspectingAdmin):
    list_display = ["__str__", "customer", "price_id", "quantity", "status", "created_at"]
    list_filter = [
        known_values("status", "open", "complete", "expired"),
        known_values("mode", "subscription", "payment", "setup"),
        "created_at",
    ]
    list_select_related = ["customer"]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return ["stripe_id", *customer_search_fields("customer__")]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return ["stripe_id", "customer__stripe_id", "customer__email", "price_id", *names]
