"""The dashboard: how the business and the webhooks are, on one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from ..figures import current_figures
from ..figures.latest import last_run, processing_times
from ..models import Dashboard, Event
from ..money import formatted, in_units
from ..rules.figures import Figures, Span, spans, subscriptions, webhooks
from .inspecting import InspectingAdmin
from .run_report import verdict

RANGES = (7, 30, 90, 365)
"""Days."""

LIST_OF = {
    "subscriptions": ("subscription", ""),
    "past_due": ("subscription", "status__exact=past_due"),
    "invoices": ("invoice", "status__exact=open"),
    "failed": ("event", "status__exact=failed"),
    "grants": ("manualgrant", ""),
    "runs": ("reconcilerun", ""),
}
"""The lists that figures lead to: the model, and what is filtered."""


@admin.register(Dashboard)
class DashboardAdmin(InspectingAdmin):
    """One page instead of a list."""

    class Media:
        js = ["stripe_billing/vendor/chart.umd.min.js", "stripe_billing/charts.js"]

    def get_urls(self) -> list[Any]:
        """The page alone; a dashboard has no rows."""
        wanted = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [pattern for pattern in super().get_urls() if pattern.name == wanted]

    @transaction.non_atomic_requests
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        days = _days(request)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Dashboard"),
            "opts": self.opts,
            "media": self.media,
            "days": days,
            "ranges": RANGES,
            "lists": self._lists(request),
            **facts(days),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/stripe_billing/dashboard.html", context)

    def _lists(self, request: HttpRequest) -> dict[str, str]:
        """Where each figure's rows stand, for those who may look at them."""
        urls = {}
        for name, (model, filtered) in LIST_OF.items():
            if request.user.has_perm(f"stripe_billing.view_{model}"):
                try:
                    url = reverse(
                        f"admin:stripe_billing_{model}_changelist",
                        current_app=self.admin_site.name,
                    )
                except NoReverseMatch:  # the project's own site leaves it out
                    continue
                urls[name] = f"{url}?{filtered}" if filtered else url
        return urls


def _days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in {str(days) for days in RANGES} else 30


def facts(days: int) -> dict[str, Any]:
    """All that the page shows of the last `days`; ten queries, however many rows there are."""
    reading = current_figures()
    figures, run = reading.figures, last_run()
    parts = spans(figures.today, days=days)
    return {
        "as_of": reading.as_of,
        "subscriptions": subscriptions(figures, parts),
        "revenue": [
            {"currency": currency, "text": formatted(amount, currency)}
            for currency, amount in figures.revenue.items()
        ],
        "unpriced": figures.unpriced,
        "past_due": [
            {"currency": currency, "number": number, "text": formatted(amount, currency)}
            for currency, (number, amount) in figures.past_due.items()
            if currency
        ],
        "takings": list(_takings(figures, parts)),
        "entitlements": figures.entitlements,
        "webhooks": {
            **dict.fromkeys(Event.Status.values, 0),
            **webhooks(figures, parts),
            **processing_times(parts),
        },
        "run": run,
        "verdict": verdict(run) if run is not None else ("warning", _("There was none yet.")),
    }


def _takings(figures: Figures, parts: list[Span]) -> Iterator[dict[str, Any]]:
    """What was paid in the range, for each currency in which something was."""
    for currency in sorted(figures.flows.get("paid", {})):
        amounts = figures.by_part("paid", currency, parts)
        if currency and any(amounts):
            yield {
                "currency": currency.upper(),
                "text": formatted(sum(amounts), currency),
                "parts": [
                    {
                        "span": part,
                        "value": str(in_units(amount, currency)),
                        "text": formatted(amount, currency),
                    }
                    for part, amount in zip(parts, amounts, strict=True)
                ],
            }
