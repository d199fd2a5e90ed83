from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import Drift, ReconcileRun, ReconcileWindow
from ..reconcile import Options, Report
from ..reconcile.formats import WRITERS
from .history import RunChangeList
from .inspecting import InspectingAdmin, InspectingInline
from .run_report import DOWNLOADS, run_report, state_of

CONTENT_TYPES = {"html": "text/html", "csv": "text/csv", "json": "application/json"}

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
"""The report is one file with its styles inside, and nothing else."""


DEFAULTS = Options().as_json()


class ScopeFilter(admin.SimpleListFilter):
    """Runs over one customer say nothing about the others."""

    title = gettext_lazy("compared")
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", gettext_lazy("the whole account")), ("one", gettext_lazy("one customer"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        whole = {"options__customer_id": ""}
        if self.value() == "all":
            return queryset.filter(**whole)
        return queryset.exclude(**whole) if self.value() == "one" else queryset


class WindowInline(InspectingInline):
    model = ReconcileWindow
    verbose_name_plural = gettext_lazy("Parts of the account")
    fields = ["from_second", "to_second", "state", "listed", "compared", "calls", "failure"]
    readonly_fields = ["from_second", "to_second"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("edge", "errors", "notes")

    @admin.display(description=gettext_lazy("created from"))
    def from_second(self, row: Any) -> Any:
        return _moment(row.created_from) or _("the beginning")

    @admin.display(description=gettext_lazy("created before"))
    def to_second(self, row: Any) -> Any:
        return _moment(row.created_before)


@admin.register(ReconcileRun)
class ReconcileRunAdmin(InspectingAdmin):
    """The runs, their history, and the report of each. Old ones may be deleted."""

    change_list_template = "admin/stripe_billing/run_change_list.html"
    change_form_template = "admin/stripe_billing/run_change_form.html"
    list_display = [
        "number",
        "started",
        "mode",
        "outcome",
        "found",
        "left",
        "compared",
        "duration",
    ]
    list_filter = ["state", "is_applying", ScopeFilter, "livemode", "started_at"]
    search_fields = ["=id", "account", "stripe_account_id"]
    inlines = [WindowInline]
    fields = [
        "outcome",
        "mode",
        "started_at",
        "finished_at",
        "duration",
        "listed",
        "compared",
        "calls",
        "changes",
        "live_before",
        "stripe_account_id",
        "account",
        "livemode",
        "owner",
        "beat_at",
        "resumed",
        "chosen",
    ]
    readonly_fields = ["outcome", "mode", "duration", "chosen"]

    class Media:
        js = ["stripe_billing/vendor/chart.umd.min.js", "stripe_billing/charts.js"]

    # The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RunChangeList]:
        return RunChangeList

    @admin.display(description=gettext_lazy("run"), ordering="pk")
    def number(self, row: Any) -> Any:
        return row.pk

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, row: Any) -> str:
        return date_format(localtime(row.started_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=gettext_lazy("mode"), ordering="is_applying")
    def mode(self, row: Any) -> str:
        mode = _("repairing") if row.is_applying else _("dry run")
        customer = row.options.get("customer_id", "") if isinstance(row.options, dict) else ""
        return f"{mode}, {customer}" if customer else mode

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def outcome(self, row: Any) -> str:
        return state_of(row)

    @admin.display(description=gettext_lazy("found"), ordering="drift_found")
    def found(self, row: Any) -> str:
        return f"{row.drift_found:,}"

    @admin.display(description=gettext_lazy("left"), ordering="drift_left")
    def left(self, row: Any) -> str:
        return f"{row.drift_left:,}"

    @admin.display(description=gettext_lazy("options"))
    def chosen(self, row: Any) -> str:
        """The options that are not as by default, in the words of the JSON."""
        options = row.options if isinstance(row.options, dict) else {}
        chosen = {key: value for key, value in options.items() if DEFAULTS.get(key) != value}
        return json.dumps(chosen) if chosen else _("as by default")

    @admin.display(description=gettext_lazy("duration"), ordering="seconds")
    def duration(self, row: Any) -> str:
        if row.state == ReconcileRun.State.RUNNING:
            return "—"
        return in_minutes(row.seconds)

    # The page

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = context["original"]
        if run is not None:
            context.update(run_report(run, request, self.admin_site))
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.report_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_report"
        return [path("<path:object_id>/report/<str:form>/", view, name=name), *super().get_urls()]

    def report_view(self, request: HttpRequest, object_id: str, form: str) -> FileResponse:
        """The run's report as a file; the HTML is shown, because its links lead into the admin."""
        run = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run is None or form not in DOWNLOADS:
            raise Http404
        return report_file(run, form)

    # Deleting

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a run that a later one has replaced: what is newest is needed for the next."""
        may = request.user.has_perm("stripe_billing.delete_reconcilerun")
        return may and (obj is None or is_replaced(obj))

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, int], set[str], list[str]]:
        """Runs go with their drift and their windows, however many these are."""
        runs = list(objs)
        needed = [str(run) for run in runs if not is_replaced(run)]
        number = Drift.objects.filter(run__in=runs).count()
        texts = [
            _("%(run)s of %(day)s") % {"run": run, "day": f"{run.started_at:%Y-%m-%d}"}
            for run in runs
        ]
        counts = {self.opts.verbose_name_plural: len(runs), Drift._meta.verbose_name_plural: number}
        return texts, counts, set(), needed


def is_replaced(run: ReconcileRun) -> bool:
    """Whether a later complete run of the account knows all that the next run asks for."""
    if run.active_for is not None:
        return False
    later = ReconcileRun.objects.filter(
        account=run.account, pk__gt=run.pk, state=ReconcileRun.State.COMPLETE
    )
    if run.stripe_account_id:
        later = later.exclude(stripe_account_id="")
    return later.exists()


def report_file(run: ReconcileRun, form: str) -> FileResponse:
    """The report, written to a temporary file: it may be large."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    out = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    WRITERS[form](Report(run=run), out)
    out.flush()
    out.detach()
    file.seek(0)
    response = FileResponse(
        file,
        as_attachment=form != "html",
        filename=f"reconcile-run-{run.pk}.{form}",
        content_type=f"{CONTENT_TYPES[form]}; charset=utf-8",
    )
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = REPORT_POLICY
    return response


def in_minutes(seconds: float) -> str:
    """A duration for people: `3.2 s`, `2 min 5 s`, `1 h 40 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _moment(second: int) -> str:
    """A second of Stripe's clock for people; '' for the beginning of time."""
    if second <= 0:
        return ""
    moment = localtime(datetime.fromtimestamp(second, UTC))
    return date_format(moment, "SHORT_DATETIME_FORMAT")
