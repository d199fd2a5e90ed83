from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Invoice
from ..models.invoices import STATUS_TEXTS
from ..money import formatted
from ..sync import sync_invoice
from .asking import AskingAdmin
from .deeds import Refund
from .doing import DoingAdmin
from .listing import known_values
from .searching import customer_search_fields, subscriber_search_fields
from .synced import in_words, synced_by


@admin.register(Invoice)
class InvoiceAdmin(DoingAdmin, AskingAdmin):
    deeds = (Refund(),)
    asking_name = "sync"
    asking_label = gettext_lazy("Sync from Stripe")
    asking_permission = "stripe_billing.sync_invoice"
    dashboard_folder = "invoices"
    list_display = [
        "__str__",
        "customer",
        "status",
        "amount",
        "attempt_count",
        "stripe_created_at",
        "in_stripe",
    ]
    list_filter = [
        known_values("status", *STATUS_TEXTS),
        "stripe_created_at",
    ]
    list_select_related = ["customer"]
    readonly_fields = ["in_stripe", "amount"]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return ["stripe_id", "^number", "subscription_id", *customer_search_fields("customer__")]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return [
            "stripe_id",
            "number",
            "subscription_id",
            "customer__stripe_id",
            "customer__email",
            *names,
        ]

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, row: Any) -> str:
        return formatted(row.total, row.currency) if row.currency else "—"

    def ask(self, request: HttpRequest, row: Any) -> str:
        with synced_by(request, customer=row.customer) as (cause, told):
            sync_invoice(row.stripe_id, account=row.account, cause=cause)
        row.refresh_from_db(fields=["status"])
        return _("read from Stripe, %(status)s: %(changes)s.") % {
            "status": row.status_text,
            "changes": in_words(told),
        }
