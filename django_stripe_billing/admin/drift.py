from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Drift, ReconcileRun
from ..money import formatted
from ..reconcile import DriftRepairs
from .asking import AskingAdmin
from .drift_places import places
from .readable import InWordsFilter
from .synced import person, synced_by

MOST_RUNS = 10
"""How many runs the filter offers; a run's own page leads to its drift, however old it is."""

LEFT = (Drift.State.FOUND, Drift.State.FAILED)


OUTCOMES = {
    Drift.State.FOUND: gettext_lazy("found"),
    Drift.State.REPAIRED: gettext_lazy("repaired"),
    Drift.State.FAILED: gettext_lazy("failed"),
    Drift.State.GONE: gettext_lazy("gone"),
}
"""The states in a word: the column stays narrow."""


class RunFilter(admin.SimpleListFilter):
    """By run: the newest, and the one that is chosen."""

    title = gettext_lazy("run")
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = ReconcileRun.objects.order_by("-pk").only("pk", "started_at")[:MOST_RUNS]
        runs = [(str(run.pk), f"{run.pk}: {_moment(run)}") for run in newest]
        chosen = self.used_parameters.get(self.parameter_name)
        if chosen and chosen not in {key for key, _text in runs}:
            runs.append((str(chosen), str(chosen)))
        return runs

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(run=int(value)) if _is_number(value) else queryset.none()


class StateFilter(admin.SimpleListFilter):
    """By state, where what is left comes first."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("left", gettext_lazy("still differs")), *Drift.State.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value == "left":
            return queryset.filter(state__in=LEFT)
        return queryset.filter(state=value) if value else queryset


@admin.register(Drift)
class DriftAdmin(AskingAdmin):
    """What differs, what that means, and its repair."""

    asking_name = "repair"
    asking_label = gettext_lazy("Repair")
    asking_list_label = gettext_lazy("Repair selected")
    asking_permission = "stripe_billing.repair_drift"
    asking_confirmation_template = "admin/stripe_billing/repair_confirmation.html"
    change_form_template = "admin/stripe_billing/drift_change_form.html"
    ordering = ["-run_id", "pk"]
    list_display = [
        "in_words",
        "who",
        "difference",
        "at_stake",
        "outcome",
        "run_number",
    ]
    list_filter = [RunFilter, StateFilter, ("kind", InWordsFilter)]
    list_select_related = ["run"]
    search_fields = ["customer_id", "object_id", "subscriber", "subject"]
    fields = [
        "sentence",
        "what_next",
        "here",
        "stripe",
        "object_id",
        "subject",
        "customer_id",
        "subscriber",
        "at_stake",
        "state",
        "error",
        "found_at",
        "repaired_at",
        "run",
        "kind",
    ]
    readonly_fields = ["sentence", "what_next", "at_stake"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("run")

    @admin.display(description=gettext_lazy("what differs"))
    def sentence(self, row: Any) -> str:
        return str(row.sentence)

    @admin.display(description=gettext_lazy("what to do next"))
    def what_next(self, row: Any) -> str:
        """What is still to be done, or nothing."""
        if not row.is_left:
            return _("Nothing: %(state)s.") % {"state": row.get_state_display()}
        text = str(row.what_next)
        return _("Repair it. %(what)s") % {"what": text} if row.is_repairable else text

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def in_words(self, row: Any) -> str:
        return str(row.kind_in_words)

    @admin.display(description=gettext_lazy("customer"), ordering="customer_id")
    def who(self, row: Any) -> str:
        if not row.subscriber and row.customer_id == row.object_id:
            return str(row.object_id)
        return format_html(
            '{}<span class="billing-object">{}</span>',
            row.subscriber or row.customer_id,
            row.object_id,
        )

    @admin.display(description=gettext_lazy("difference"))
    def difference(self, row: Any) -> str:
        return format_html(
            '<dl class="billing-difference"><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{}</dd></dl>',
            _("Here:"),
            Truncator(row.here).chars(80),
            _("Stripe:"),
            Truncator(row.stripe).chars(80),
        )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def outcome(self, row: Any) -> str:
        return str(OUTCOMES.get(row.state, row.state))

    @admin.display(description=gettext_lazy("at stake a month"), ordering="amount")
    def at_stake(self, row: Any) -> str:
        return "—" if row.amount is None else formatted(row.amount, row.currency)

    @admin.display(description=gettext_lazy("run"), ordering="run")
    def run_number(self, row: Any) -> Any:
        return row.run_id

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = context["original"]
        if row is not None:
            context["places"] = places(row, request, self.admin_site)
        response = super().render_change_form(request, context, *args, **kwargs)
        if row is not None and not row.is_left:
            context.pop("asking_url", None)
        elif row is not None and not row.is_repairable:
            context["asking_label"] = _("Look again")
        return response

    def ask_all(self, request: HttpRequest, rows: list[Any]) -> None:
        request.drift_repairs = DriftRepairs(cause=person(request))  # type: ignore[attr-defined]  # until the response
        super().ask_all(request, rows)

    def ask(self, request: HttpRequest, row: Any) -> str:
        customer = {
            "customer__account": row.run.account,
            "customer__stripe_id": row.customer_id,
        }
        with synced_by(request, **customer) as (cause, told):
            repairs = getattr(request, "drift_repairs", None) or DriftRepairs(cause=cause)
            outcome: str = repairs.repair(row)
        return f"{outcome}: {', '.join(told)}" if told else outcome


def _moment(run: ReconcileRun) -> str:
    return date_format(localtime(run.started_at), "SHORT_DATETIME_FORMAT")


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) < 18
