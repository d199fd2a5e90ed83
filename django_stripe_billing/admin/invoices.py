from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Invoice, Subscription
from ..models.invoices import STATUS_TEXTS
from ..money import formatted
from ..sync import sync_invoice
from .asking import AskingAdmin
from .deeds import Refund
from .doing import DoingAdmin
from .listing import known_values
from .readable import REFUNDED, link, money
from .searching import customer_search_fields, subscriber_search_fields
from .synced import in_words, synced_by

MONEY = (
    money("total", gettext_lazy("total")),
    money("subtotal", gettext_lazy("before discounts and taxes")),
    money("discount", gettext_lazy("discount")),
    money("amount_due", gettext_lazy("amount due")),
    money("amount_paid", gettext_lazy("amount paid")),
    money("amount_remaining", gettext_lazy("amount remaining")),
    REFUNDED,
)
LINKS = (
    link("hosted_invoice_url", gettext_lazy("payment page")),
    link("invoice_pdf", gettext_lazy("PDF")),
)


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
    fields = [
        "number",
        "stripe_id",
        "in_stripe",
        "customer",
        "subscription_page",
        "status",
        "billing_reason",
        *MONEY,
        "dispute_status",
        "attempt_count",
        "next_payment_attempt_at",
        "stripe_created_at",
        "due_at",
        "paid_at",
        "period_start_at",
        "period_end_at",
        *LINKS,
        "products",
        "collection_method",
        "livemode",
        "account",
    ]
    readonly_fields = ["in_stripe", "subscription_page", *MONEY, *LINKS, "products"]

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

    @admin.display(description=gettext_lazy("products"))
    def products(self, row: Any) -> str:
        return ", ".join(row.product_ids) or "—"

    @admin.display(description=gettext_lazy("subscription"))
    def subscription_page(self, row: Any) -> str:
        """The invoice may be known before its subscription."""
        found = Subscription.objects.filter(account=row.account, stripe_id=row.subscription_id)
        pk = found.values_list("pk", flat=True).first() if row.subscription_id else None
        if pk is None:
            return row.subscription_id or "—"
        try:
            name = "admin:stripe_billing_subscription_change"
            url = reverse(name, args=[pk], current_app=self.admin_site.name)
        except NoReverseMatch:  # the project's own site leaves it out
            return str(row.subscription_id)
        return format_html('<a href="{}">{}</a>', url, row.subscription_id)

    def ask(self, request: HttpRequest, row: Any) -> str:
        with synced_by(request, customer=row.customer) as (cause, told):
            sync_invoice(row.stripe_id, account=row.account, cause=cause)
        row.refresh_from_db(fields=["status"])
        return _("read from Stripe, %(status)s: %(changes)s.") % {
            "status": row.status_text,
            "changes": in_words(told),
        }
