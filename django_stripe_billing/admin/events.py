from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Event
from ..webhooks import process_again
from .asking import AskingAdmin

MOST_CHARACTERS = 100_000


@admin.register(Event)
class EventAdmin(AskingAdmin):
    asking_name = "process"
    asking_label = gettext_lazy("Process again")
    asking_permission = "stripe_billing.process_event"
    list_display = ["type", "stripe_id", "object_id", "status", "attempts", "received_at", "note"]
    list_filter = ["status", "type", "received_at"]
    search_fields = ["stripe_id", "object_id", "customer_id", "type"]
    fields = [
        "type",
        "stripe_id",
        "status",
        "note",
        "error",
        "attempts",
        "object_id",
        "customer_id",
        "account",
        "api_version",
        "livemode",
        "stripe_created_at",
        "received_at",
        "processed_at",
        "readable_payload",
    ]
    readonly_fields = ["readable_payload"]

    def ask(self, request: HttpRequest, row: Any) -> str:
        return str(process_again(row).get_status_display())

    @admin.display(description=gettext_lazy("payload"))
    def readable_payload(self, row: Any) -> str:
        text = json.dumps(row.payload, indent=2, ensure_ascii=False, sort_keys=True)
        if len(text) > MOST_CHARACTERS:
            text = text[:MOST_CHARACTERS] + "\n" + _("… cut here; Stripe has the whole of it.")
        return format_html('<pre style="white-space:pre-wrap">{}</pre>', text)
