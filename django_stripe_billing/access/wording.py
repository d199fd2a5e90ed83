"""Parts of the sentences of an explanation."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from ..models import Entitlement, ManualGrant, SourceKind
from ..rules import grants, payments
from ..rules.entitlements import REASONS


def because(code: str) -> str:
    known = {**REASONS, **payments.REASONS, **grants.REASONS}
    return known.get(code, code or "no rule is recorded")


def given(grant: ManualGrant) -> str:
    moment = when(grant.granted_at)
    return f'Manual {grant} (by {grant.granted_by} on {moment}: "{grant.reason}")'


def revoked(grant: ManualGrant) -> str:
    deed = f"was revoked by {grant.revoked_by} on {when(grant.revoked_at)}"
    return f'{given(grant)} {deed}: "{grant.revoke_reason}".'


def past(row: Entitlement) -> str:
    if row.source_kind == SourceKind.PAYMENT:
        return ": the days that were bought are over."
    if row.source_kind == SourceKind.MANUAL:
        return ", the end that it was given."
    return _PAST.get(row.reason, _UNRENEWED)


_PAST = {
    "past_due_grace": (
        ": the last payment failed, and the grace period is over. Access is back when it is paid."
    ),
    "cancel_at": ": the subscription was set to end then.",
    "period_end": ": the subscription was set to end with its period.",
    "feature_removed": ": the feature was taken off the product; the period that had it is over.",
}
_UNRENEWED = (
    ", and no renewal was heard of since. If Stripe shows it as paid, a webhook was lost: use"
    ' "Sync from Stripe", or run manage.py reconcile_entitlements.'
)


def until(moment: datetime | None) -> str:
    return "" if moment is None else f" until {when(moment)}"


def when(moment: datetime | None) -> str:
    return "" if moment is None else date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def up_to(limit: int | None) -> str:
    return "without limit" if limit is None else f"up to {limit}"
