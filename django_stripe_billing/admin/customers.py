from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..access import explain_features
from ..models import Customer, EntitlementChange, Event, Feature, Subscription
from ..sync import Cause, sync_customer
from .asking import AskingAdmin
from .inspecting import InspectingInline, dashboard_link, subscriber_search_fields

RECENT = 20


class SubscriptionInline(InspectingInline):
    model = Subscription
    fields = ["stripe_id", "status", "stripe_created_at", "cancel_at", "ended_at"]
    show_change_link = True


class CustomerForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers only
    """The link to a subscriber, for a customer that was made in Stripe."""

    def clean_subscriber(self) -> Any:
        subscriber = self.cleaned_data["subscriber"]
        others = Customer.objects.filter(account=self.instance.account, subscriber=subscriber)
        other = others.exclude(pk=self.instance.pk).first()
        if subscriber is not None and other is not None:
            raise ValidationError(
                _("%(subscriber)s has the customer %(other)s already.")
                % {"subscriber": subscriber, "other": other}
            )
        return subscriber


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
class CustomerAdmin(AskingAdmin):
    """One page answers why a customer may use a feature, or may not."""

    asking_name = "sync"
    asking_label = gettext_lazy("Sync from Stripe")
    asking_permission = "stripe_billing.sync_customer"
    change_form_template = "admin/stripe_billing/customer_change_form.html"
    form = CustomerForm
    list_display = ["__str__", "subscriber", "email", "name", "is_deleted", "in_stripe"]
    list_filter = [LinkFilter, "is_deleted", "livemode"]
    list_select_related = ["subscriber"]
    raw_id_fields = ["subscriber"]
    inlines = [SubscriptionInline]
    fields = [
        "stripe_id",
        "in_stripe",
        "subscriber",
        "email",
        "name",
        "account",
        "livemode",
        "is_deleted",
        "test_clock_id",
        "created_at",
    ]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("subscriber")
        return ["stripe_id", "email", "name", "subscriptions__stripe_id", *names]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only to link a customer that nobody is linked to."""
        may = request.user.has_perm("stripe_billing.change_customer")
        return may and (obj is None or obj.subscriber_id is None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [str(name) for name in self.fields if name != "subscriber"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Writes the link alone, and only where there is still none."""
        if obj.subscriber_id is None:
            return
        unlinked = Customer.objects.filter(pk=obj.pk, subscriber=None)
        if not unlinked.update(subscriber=obj.subscriber_id):
            self.message_user(request, _("It was linked meanwhile."), messages.ERROR)

    def ask(self, request: HttpRequest, row: Any) -> str:
        sync_customer(row, cause=Cause(kind="person", id=request.user.get_username()))
        return _("read from Stripe, with its subscriptions")

    @admin.display(description="Dashboard")
    def in_stripe(self, row: Any) -> str:
        return dashboard_link("customers", row)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        context = {} if customer is None else _findings(customer, request.GET.get("feature", ""))
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )


def _findings(customer: Customer, asked: str) -> dict[str, Any]:
    """What support needs: every feature with its explanation, what changed, what was heard."""
    keys = list(
        Feature.objects.filter(account=customer.account).values_list("lookup_key", flat=True)
    )
    wanted = [asked[:80], *keys] if asked and asked not in keys else keys
    explanations = explain_features(customer, list(dict.fromkeys(wanted)))
    explanations.sort(key=lambda entry: (entry.key != asked, not entry.is_granted, entry.key))
    return {
        "asked_feature": asked,
        "explanations": explanations,
        "changes": EntitlementChange.objects.filter(customer=customer).select_related("feature")[
            :RECENT
        ],
        "events": Event.objects.filter(customer_id=customer.stripe_id).exclude(customer_id="")[
            :RECENT
        ],
    }
