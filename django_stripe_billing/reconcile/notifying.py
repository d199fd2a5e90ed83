"""Telling people of drift: a signal for programs, and an e-mail to ADMINS."""

from __future__ import annotations

import logging

from django.core.mail import mail_admins

from ..models import Drift, ReconcileRun
from ..rules.drift_kinds import MEANINGS, Kind
from ..signals import drift_found
from .report import Report

logger = logging.getLogger("django_stripe_billing.reconcile")

MOST_LINES = 50


def notify(report: Report) -> bool:
    """Tell of drift that is left and of errors; whether there was anything to tell."""
    run = report.run
    if report.exit_code == 0 and not run.drift_found:
        return False
    drift_found.send_robust(sender=ReconcileRun, run=run)
    left = run.drift.filter(state__in=[Drift.State.FOUND, Drift.State.FAILED]).order_by("pk")
    lines = [report.summary, *(f"Error: {error}" for error in report.errors[:MOST_LINES]), ""]
    for entry in left[:MOST_LINES]:
        lines.append(
            f"{entry.kind} {entry.object_id} {entry.customer_id} {entry.subscriber}\n"
            f"  {MEANINGS[Kind(entry.kind)].sentence}\n"
            f"  here:   {entry.here}\n  Stripe: {entry.stripe}"
        )
    if run.drift_left > MOST_LINES:
        lines.append(f"… and {run.drift_left - MOST_LINES:,} more.")
    if run.drift_left and not run.is_applying:
        lines.append("Run manage.py reconcile_entitlements --apply to repair it.")
    if run.notes:
        lines += ["", *(f"Note: {text}" for text in report.notes)]
    state = "incomplete" if not run.is_complete else f"{run.drift_left:,} drift left"
    _mail(f"Stripe reconcile: {state}", "\n".join(lines))
    return True


def notify_failure(error: str) -> None:
    """Tell of a run that did not even begin, or could not be told of."""
    _mail("Stripe reconcile: error", error)


def _mail(subject: str, text: str) -> None:
    """A run must not end otherwise because a mail server is down."""
    try:
        mail_admins(subject, text)
    except OSError:  # smtplib's errors, too
        logger.exception("The admins could not be told: %s", subject)
