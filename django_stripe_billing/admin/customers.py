from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..exceptions import BillingError
from ..models import Customer, Payment, Subscription
from ..sync import sync_customer, sync_customer_invoices
from .asking import AskingAdmin
from .deeds import SendToPortal
from .doing import DoingAdmin
from .findings import findings
from .grants import GrantFeature
from .inspecting import InspectingInline
from .linking import LinkToSubscriber
from .readable import AMOUNT, REFUNDED
from .searching import customer_search_fields, subscriber_search_fields
from .synced import in_words, synced_by
from .timeline import Entry, timeline
from .timeline_lines import in_words as in_timeline

SHOWN = ("subscriber", "stripe_id", "in_stripe", "email", "name")
MORE = (
    "account",
    "livemode",
    "is_deleted",
    "test_clock_id",
    "balance",
    "currency",
    "payment_method_type",
    "payment_method_brand",
    "payment_method_last4",
    "payment_method_exp_month",
    "payment_method_exp_year",
    "created_at",
)


class SubscriptionInline(InspectingInline):
    model = Subscription
    fields = ["stripe_id", "status", "stripe_created_at", "cancel_at", "ended_at"]
    show_change_link = True


class PaymentInline(InspectingInline):
    model = Payment
    fields = ["stripe_id", "status", AMOUNT, REFUNDED, "dispute_status"]
    readonly_fields = [AMOUNT, REFUNDED]
    show_change_link = True


class LinkFilter(admin.SimpleListFilter):
    """Customers that nobody is linked to wait for an admin."""

    title = gettext_lazy("subscriber")
    parameter_name = "linked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("linked")), ("no", gettext_lazy("not linked"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(subscriber__isnull=self.value() == "no")


@admin.register(Customer)
class CustomerAdmin(DoingAdmin, AskingAdmin):
    """One page answers why a customer may use a feature, or may not."""

    asking_name = "sync"
    asking_label = gettext_lazy("Sync from Stripe")
    asking_permission = "stripe_billing.sync_customer"
    deeds = (LinkToSubscriber(), GrantFeature(), SendToPortal())
    dashboard_folder = "customers"
    change_form_template = "admin/stripe_billing/customer_change_form.html"
    list_display = ["__str__", "subscriber", "email", "name", "is_deleted", "in_stripe", "account"]
    list_filter = [LinkFilter, "is_deleted"]
    list_select_related = ["subscriber"]
    inlines = [SubscriptionInline, PaymentInline]
    fieldsets = [
        (None, {"fields": SHOWN}),
        (gettext_lazy("More"), {"fields": MORE, "classes": ["collapse"]}),
    ]
    readonly_fields = [*SHOWN, *MORE]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return [*customer_search_fields(), "subscriptions__stripe_id", "payments__stripe_id"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("subscriber")
        return [
            "stripe_id",
            "email",
            "name",
            "subscriptions__stripe_id",
            "payments__stripe_id",
            *names,
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        customer = context["original"]
        if customer is not None:
            context["timeline_url"] = self._page(customer, "timeline")
            context.update(findings(customer, asked=request.GET.get("feature", "")))
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.timeline_view)
        url = path("<path:object_id>/timeline/", view, name="stripe_billing_customer_timeline")
        return [url, *super().get_urls()]

    def timeline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Everything that happened to a customer, in one list."""
        customer = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, customer):
            raise PermissionDenied
        if customer is None:
            raise Http404
        found = timeline(customer, request)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Timeline"),
            "subtitle": str(customer.subscriber or customer),
            "opts": self.opts,
            "original": customer,
            "back": self._page(customer),
            "explanations": findings(customer)["explanations"],
            "page": found["page"],
            "lines": [self._line(request, entry) for entry in found["entries"]],
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/stripe_billing/timeline.html", context)

    def _line(self, request: HttpRequest, entry: Entry) -> dict[str, Any]:
        text, cause = in_timeline(entry)
        url = ""
        if entry.kind == "log":
            url = entry.row.get_admin_url() or ""
        elif type(entry.row) in self.admin_site._registry:
            name = f"admin:stripe_billing_{entry.row._meta.model_name}_change"
            url = reverse(name, args=[entry.row.pk], current_app=self.admin_site.name)
        return {
            "moment": entry.moment,
            "label": entry.label,
            "text": text,
            "cause": cause,
            "url": url,
        }

    def ask(self, request: HttpRequest, row: Any) -> str:
        if not row.stripe_id:
            raise BillingError(_("It is not in Stripe yet: the checkout that made it has broken."))
        with synced_by(request, customer=row) as (cause, told):
            sync_customer(row, cause=cause)
            sync_customer_invoices(row.stripe_id, account=row.account, cause=cause)
        return _("read from Stripe, with all that was bought: %(changes)s.") % {
            "changes": in_words(told)
        }
