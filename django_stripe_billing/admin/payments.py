from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Payment, PaymentItem, TrialUse
from ..sync import sync_payment
from .asking import AskingAdmin
from .deeds import Refund
from .doing import DoingAdmin
from .inspecting import InspectingAdmin, InspectingInline, dashboard_link
from .listing import known_values
from .readable import AMOUNT, REFUNDED
from .searching import customer_search_fields, subscriber_search_fields
from .synced import in_words, synced_by


class PaymentItemInline(InspectingInline):
    model = PaymentItem
    fields = ["stripe_id", "price_id", "product_id", "quantity"]


@admin.register(Payment)
class PaymentAdmin(DoingAdmin, AskingAdmin):
    deeds = (Refund(),)
    asking_name = "sync"
    asking_label = gettext_lazy("Sync from Stripe")
    asking_permission = "stripe_billing.sync_payment"
    dashboard_folder = "payments"
    list_display = [
        "stripe_id",
        "customer",
        "subscriber",
        "status",
        AMOUNT,
        REFUNDED,
        "dispute_status",
        "paid_at",
        "in_stripe",
    ]
    list_filter = [
        known_values("status", "paid", "unpaid", "failed", "missing"),
        known_values(
            "dispute_status",
            "",
            "needs_response",
            "under_review",
            "won",
            "lost",
            "warning_needs_response",
            "warning_under_review",
            "warning_closed",
        ),
        "paid_at",
    ]
    list_select_related = ["customer__subscriber"]
    fields = [
        "stripe_id",
        "in_stripe",
        "customer",
        "status",
        AMOUNT,
        REFUNDED,
        "dispute_status",
        "sold_days",
        "stripe_created_at",
        "charged_at",
        "paid_at",
        "payment_intent_id",
        "charge_id",
        "livemode",
        "account",
    ]
    readonly_fields = ["in_stripe", AMOUNT, REFUNDED]
    inlines = [PaymentItemInline]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return [
            "stripe_id",
            "payment_intent_id",
            "charge_id",
            *customer_search_fields("customer__"),
        ]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return [
            "stripe_id",
            "payment_intent_id",
            "charge_id",
            "customer__stripe_id",
            "customer__email",
            "items__price_id",
            *names,
        ]

    @admin.display(description=gettext_lazy("subscriber"))
    def subscriber(self, row: Any) -> Any:
        return row.customer.subscriber

    @admin.display(description=gettext_lazy("at Stripe"))
    def in_stripe(self, row: Any) -> str:
        """The Dashboard shows payments by their intent, not by their checkout."""
        return dashboard_link(self.dashboard_folder, row, stripe_id=row.payment_intent_id)

    def ask(self, request: HttpRequest, row: Any) -> str:
        with synced_by(request, customer=row.customer) as (cause, told):
            sync_payment(row.snapshot(row.items.all()), account=row.account, cause=cause)
        row.refresh_from_db(fields=["status"])
        return _("read from Stripe, %(status)s: %(changes)s.") % {
            "status": row.status,
            "changes": in_words(told),
        }


@admin.register(TrialUse)
class TrialUseAdmin(InspectingAdmin):
    """Who had a trial: a subscriber by its key, addresses and cards as hashes alone."""

    list_display = ["__str__", "customer", "checkout_session", "refused_at", "created_at"]
    list_filter = ["kind", "refused_at", "created_at"]
    list_select_related = ["customer", "checkout_session"]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return customer_search_fields("customer__")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return ["customer__stripe_id", "customer__email", *names]
