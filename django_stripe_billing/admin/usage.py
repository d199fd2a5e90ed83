from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..exceptions import BillingError
from ..models import UsageRecord
from .asking import AskingAdmin
from .searching import customer_search_fields, subscriber_search_fields


@admin.register(UsageRecord)
class UsageRecordAdmin(AskingAdmin):
    """The outbox; what Stripe refused can be sent again once the reason is mended."""

    asking_name = "send_again"
    asking_label = gettext_lazy("Send again")
    asking_permission = "stripe_billing.send_usage"
    list_display = ["__str__", "customer", "at", "state", "attempts", "sent_at", "short_error"]
    list_filter = ["state", "is_uncertain"]
    list_select_related = ["customer"]
    fields = [
        "customer",
        "meter",
        "value",
        "at",
        "identifier",
        "state",
        "attempts",
        "is_uncertain",
        "first_tried_at",
        "sent_at",
        "error",
        "created_at",
    ]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return ["identifier", *customer_search_fields("customer__")]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return ["identifier", "meter", "customer__stripe_id", *names]

    def ask(self, request: HttpRequest, row: Any) -> str:
        if row.state not in {UsageRecord.State.REFUSED, UsageRecord.State.UNCLEAR}:
            raise BillingError(
                _("Only what Stripe refused is sent again; the rest goes by itself.")
            )
        values: dict[str, Any] = {
            "state": UsageRecord.State.PENDING,
            "error": "",
            "claimed_until": None,
        }
        if row.state == UsageRecord.State.UNCLEAR:  # a person has seen that it did not arrive
            values |= {"is_uncertain": False, "first_tried_at": None}
        UsageRecord.objects.filter(pk=row.pk, state=row.state).update(**values)
        return _("to be sent with the next run of send_usage.")

    @admin.display(description=gettext_lazy("error"))
    def short_error(self, row: Any) -> str:
        return str(row.error)[:120]
