from __future__ import annotations

import json
import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Event
from ..rules.events import SUBJECTS
from ..stripe_api import without_secrets
from ..webhooks import process_again
from .asking import AskingAdmin
from .listing import known_values

MOST_CHARACTERS = 100_000

CLIENT_SECRET = re.compile(r"_secret_\w+")
"""The end of a client secret, with which a browser may act on a payment."""


@admin.register(Event)
class EventAdmin(AskingAdmin):
    asking_name = "process"
    asking_label = gettext_lazy("Process again")
    asking_permission = "stripe_billing.process_event"
    dashboard_folder = "events"
    list_display = [
        "type",
        "outcome",
        "received_at",
        "object_id",
        "customer_id",
        "attempts",
        "short_note",
    ]
    list_filter = ["status", known_values("type", *sorted(SUBJECTS)), "received_at"]
    search_fields = ["stripe_id", "object_id", "customer_id", "type"]
    readonly_fields = ["in_stripe", "readable_payload"]
    fields = [
        "type",
        "stripe_id",
        "in_stripe",
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without the payloads, which may be large; an event's page reads its own."""
        return super().get_queryset(request).defer("payload")

    def get_quick_search(self, request: HttpRequest) -> list[str]:
        return ["stripe_id", "object_id", "customer_id"]

    def ask(self, request: HttpRequest, row: Any) -> str:
        event = process_again(row)
        return " - ".join(filter(None, [str(event.get_status_display()), event.note]))

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def outcome(self, row: Any) -> str:
        """The status in one word: the column stays narrow."""
        return str(row.get_status_display()).partition(":")[0]

    @admin.display(description=gettext_lazy("note"))
    def short_note(self, row: Any) -> str:
        return str(row.error or row.note)[:120]

    @admin.display(description=gettext_lazy("payload"))
    def readable_payload(self, row: Any) -> str:
        text = json.dumps(row.payload, indent=2, ensure_ascii=False, sort_keys=True)
        text = text.encode(errors="replace").decode()  # JSON may hold halves of a character
        is_cut = len(text) > MOST_CHARACTERS
        text = CLIENT_SECRET.sub("_secret_…", without_secrets(text[:MOST_CHARACTERS]))
        if is_cut:
            text += "\n" + _("… cut here; Stripe has the whole of it.")
        return format_html('<pre class="billing-payload">{}</pre>', text)
