from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from ..emails import send_email
from ..exceptions import BillingError
from ..models import EmailMessage
from .asking import AskingAdmin
from .searching import customer_search_fields, subscriber_search_fields


@admin.register(EmailMessage)
class EmailMessageAdmin(AskingAdmin):
    """What was written to whom; each may be sent again."""

    asking_name = "send"
    asking_label = gettext_lazy("Send again")
    asking_permission = "stripe_billing.send_emailmessage"
    list_display = ["kind", "key", "customer", "recipient", "status", "created_at", "sent_at"]
    list_filter = ["kind", "status", "created_at"]
    list_select_related = ["customer"]

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return customer_search_fields("customer__")

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        names = subscriber_search_fields("customer__subscriber")
        return ["key", "recipient", "customer__stripe_id", "customer__email", *names]

    def ask(self, request: HttpRequest, row: Any) -> str:
        status = send_email(row.pk, again=True)
        row.refresh_from_db()
        if status == EmailMessage.Status.FAILED:
            raise BillingError(row.error)
        return str(row.get_status_display())
