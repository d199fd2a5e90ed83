"""The lines of the timeline in words: what happened, and what caused it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from ..money import formatted
from ..stripe_api import without_secrets
from .readable import term_in_words
from .timeline import Entry, what_changed, who_asked


def in_words(entry: Entry) -> tuple[str, str]:
    """What happened, and its cause."""
    return WORDS[entry.kind](entry)


def _event(entry: Entry) -> tuple[str, str]:
    row = entry.row
    status = str(row.get_status_display()).partition(":")[0]
    text = f"{row.type}, {status}"
    if changed := what_changed(row):
        text += f" ({', '.join(changed)})"
    if note := row.error or row.note:
        text += f": {without_secrets(note)[:200]}"
    asked = who_asked(row)
    return text, _("request %(id)s at Stripe") % {"id": asked} if asked else _("Stripe itself")


def _change(entry: Entry) -> tuple[str, str]:
    row, grant = entry.row, entry.related
    text = f"{row.feature}: {row.get_kind_display()}{term_in_words(row.after)} ({row.source_id})"
    cause = f"{row.get_cause_kind_display()} {row.cause_id}".strip()
    if grant is not None:
        cause += f": {grant.reason if row.kind != 'revoked' else grant.revoke_reason}"
    return text, cause


def _began(entry: Entry) -> tuple[str, str]:
    text = _("%(subscription)s began; it is %(status)s now")
    return text % {"subscription": entry.row, "status": entry.row.status}, _("Stripe")


def _ended(entry: Entry) -> tuple[str, str]:
    text = _("%(subscription)s ended") % {"subscription": entry.row}
    asked = entry.row.canceled_at
    return text, _("it was cancelled") if asked else _("Stripe")


def _payment(entry: Entry) -> tuple[str, str]:
    row = entry.row
    text = f"{row}, {_money(row.amount, row)}: {row.status or _('not read yet')}"
    if row.amount_refunded:
        text += ", " + _("%(amount)s refunded") % {"amount": _money(row.amount_refunded, row)}
    if row.dispute_status:
        text += ", " + _("dispute: %(status)s") % {"status": row.dispute_status}
    return text, _("a checkout")


def _invoice(entry: Entry) -> tuple[str, str]:
    row = entry.row
    text = f"{row}, {_money(row.total, row)}: {row.status_text}"
    return text, row.billing_reason.replace("_", " ") or "—"


def _paid(entry: Entry) -> tuple[str, str]:
    row = entry.row
    text = _("%(invoice)s was paid: %(amount)s")
    cause = _("attempt %(number)d") % {"number": row.attempt_count}
    return text % {"invoice": row, "amount": _money(row.amount_paid, row)}, cause


def _email(entry: Entry) -> tuple[str, str]:
    row = entry.row
    text = f"{row.get_kind_display()}, {row.recipient or '—'}: {row.get_status_display()}"
    return text, _("about %(id)s") % {"id": row.key}


def _log(entry: Entry) -> tuple[str, str]:
    row = entry.row
    return f"{row.object_repr}: {row.get_change_message()}"[:600], row.user.get_username()


def _money(amount: int, row: Any) -> str:
    return formatted(amount, row.currency) if row.currency else str(amount)


WORDS: dict[str, Callable[[Entry], tuple[str, str]]] = {
    "event": _event,
    "change": _change,
    "began": _began,
    "ended": _ended,
    "payment": _payment,
    "invoice": _invoice,
    "paid": _paid,
    "email": _email,
    "log": _log,
}
