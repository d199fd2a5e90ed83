"""Drift of invoices, trials, events and the catalog, repaired one by one."""

from __future__ import annotations

from urllib.parse import quote

from ...exceptions import DriftLeftError
from ...models import Drift, Event, Invoice
from ...rules.drift_kinds import Kind
from ...rules.invoices import InvoiceSnapshot
from ...stripe_api import request
from ...sync import Cause, claim_card, read_fingerprints, sync_invoice
from ...webhooks import process_again, receive
from ..events import as_of
from ..options import Options
from ..recording import mark
from ..settled import SETTLED
from ..trials import in_trial_without_card
from .refusals import ask_a_person
from .rows import outcome


def repair_invoice(drift: Drift, *, cause: Cause) -> str:
    before = _invoice_here(drift)
    sync_invoice(drift.object_id, account=drift.run.account, cause=cause)
    is_changed = _invoice_here(drift) != before
    mark([drift], Drift.State.REPAIRED if is_changed else Drift.State.GONE)
    return outcome(drift)


def _invoice_here(drift: Drift) -> InvoiceSnapshot | None:
    rows = Invoice.objects.filter(account=drift.run.account, stripe_id=drift.object_id)
    row = rows.select_related("customer").first()
    return row.snapshot() if row else None


def repair_trial(drift: Drift, *, cause: Cause) -> str:
    options = Options(account=drift.run.account, customer_id=drift.object_id)
    found = False
    if in_trial_without_card(options).exists():
        for fingerprint in read_fingerprints(drift.object_id, account=options.account):
            claim_card(drift.object_id, fingerprint, account=options.account, cause=cause)
            found = True
    mark([drift], Drift.State.REPAIRED if found else Drift.State.GONE)
    return outcome(drift)


def repair_event(drift: Drift) -> str:
    event = Event.objects.filter(account=drift.run.account, stripe_id=drift.object_id).first()
    if event is not None and event.is_settled and event.processed_at is not None:
        mark([drift], Drift.State.GONE)
        return outcome(drift)
    if event is not None:
        process_again(event)
    elif drift.kind == Kind.EVENT_MISSED:
        account = drift.run.account
        path = f"/v1/events/{quote(drift.object_id, safe='')}"
        receive(as_of(account, request("get", path, account=account).data))
    else:
        raise DriftLeftError("The event is not stored any more.")
    mark([drift], Drift.State.REPAIRED)
    return outcome(drift)


def look_again(drift: Drift) -> str:
    if not SETTLED[Kind(drift.kind)](drift):
        ask_a_person(drift)
    mark([drift], Drift.State.GONE)
    return outcome(drift)
