"""What a run has found, for its page; a constant number of queries."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from ..models import Drift, ReconcileRun
from ..money import formatted
from ..reconcile import Report
from ..reconcile.ownership import is_alive
from ..rules.drift_kinds import MEANINGS, Kind

MOST_ROWS = 50
REPORT = "reconcilerun_report"
DOWNLOADS = ("html", "csv", "json")
"""The formats that are for more than a terminal."""

LEFT = (Drift.State.FOUND, Drift.State.FAILED)


def run_report(run: ReconcileRun, request: HttpRequest, site: AdminSite) -> dict[str, Any]:
    """The template's context."""
    may_look = request.user.has_perm("stripe_billing.view_drift")
    urls = _URLs(site)
    rows = list(shown(run).order_by("pk")[: MOST_ROWS + 1])
    listed = urls.to("drift_changelist") + f"?run={run.pk}"
    return {
        "report": Report(run=run),
        "verdict": verdict(run),
        "next_steps": list(next_steps(run)),
        "kinds": by_kind(run),
        "rows": [
            {"entry": row, "url": urls.to("drift_change", row.pk) if may_look else ""}
            for row in rows[:MOST_ROWS]
        ],
        "has_more": len(rows) > MOST_ROWS,
        "drift_url": listed if may_look else "",
        "downloads": [
            (_("Report: %(format)s") % {"format": name.upper()}, urls.to(REPORT, run.pk, name))
            for name in DOWNLOADS
        ],
    }


def shown(run: ReconcileRun) -> QuerySet[Drift]:
    """The run's drift without what was gone when it was looked at again."""
    return Drift.objects.filter(run=run).exclude(state=Drift.State.GONE)


def state_of(run: ReconcileRun) -> str:
    """The run's state, where a run whose process is gone has broken off."""
    if run.state == ReconcileRun.State.RUNNING and not is_alive(run):
        return _("broken off")
    return str(run.get_state_display())


def verdict(run: ReconcileRun) -> tuple[str, str]:
    """The sentence at the top, and the class of the message it is shown as."""
    if run.state == ReconcileRun.State.RUNNING:
        if is_alive(run):
            return "info", _("The run is still under way.")
        return "warning", _("The run has broken off: it says nothing about the whole.")
    if not run.is_complete:
        return "warning", _("The run is incomplete: it says nothing about the whole.")
    if run.drift_left:
        return "error", _("Stripe and the database differ.")
    if run.drift_found:
        return "success", _("Everything that differed is repaired.")
    return "success", _("Stripe and the database agree.")


def next_steps(run: ReconcileRun) -> list[str]:
    """What a person does about the run."""
    is_running = run.state == ReconcileRun.State.RUNNING
    if is_running and is_alive(run):
        return []
    steps = []
    if not run.is_complete:
        steps.append(
            _("Go on where it stopped: manage.py reconcile_entitlements --resume.")
            if is_running or run.windows.exclude(state="done").exists()
            else _("Run it again: manage.py reconcile_entitlements.")
        )
    if run.drift_left:
        steps.append(
            _("Repair what you choose in the list of drift, or all of it at once:")
            + " manage.py reconcile_entitlements --apply."
        )
    return steps


def by_kind(run: ReconcileRun) -> list[dict[str, Any]]:
    """How much of each kind there is, and what it is worth a month; one query."""
    groups = (
        shown(run)
        .values("kind", "currency")
        .annotate(
            number=Count("pk"), left=Count("pk", filter=Q(state__in=LEFT)), amount=Sum("amount")
        )
        .order_by("kind", "currency")
    )
    kinds: dict[str, dict[str, Any]] = {}
    for group in groups:
        totals = kinds.setdefault(group["kind"], _kind(group["kind"]))
        totals["number"] += group["number"]
        totals["left"] += group["left"]
        if group["amount"]:
            totals["money"].append(formatted(group["amount"], group["currency"]))
    return sorted(kinds.values(), key=lambda totals: (-totals["left"], totals["kind"]))


def _kind(kind: str) -> dict[str, Any]:
    meaning = MEANINGS.get(Kind(kind)) if kind in MEANINGS else None
    return {
        "kind": kind,
        "in_words": kind.replace("_", " "),
        "sentence": meaning.sentence if meaning else "",
        "what_next": (meaning.repair or meaning.advice) if meaning else "",
        "number": 0,
        "left": 0,
        "money": [],
    }


class _URLs:
    """The admin's pages, in the site that the page belongs to."""

    def __init__(self, site: AdminSite) -> None:
        self._site = site

    def to(self, name: str, *arguments: Any) -> str:
        return reverse(
            f"admin:stripe_billing_{name}",
            args=[quote(argument) for argument in arguments],
            current_app=self._site.name,
        )
