"""Charging an invoice: at once, again, or by its payment intent that a client confirms.

https://docs.stripe.com/billing/revenue-recovery/smart-retries
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..cards import HARD_DECLINES
from ..periods import DAY
from ..state import StripeObject
from . import invoice_payments, invoices, payment_intents
from .payment_attempts import Outcome

if TYPE_CHECKING:
    from ..engine import Engine


def collect(
    engine: Engine, invoice: StripeObject, *, method_id: str | None, is_automatic: bool = True
) -> Outcome:
    """Try to charge an open invoice.

    Only the first attempt and automatic ones count, and only they move the next one.
    """
    outcome = payment_intents.charge(
        engine,
        customer_id=invoice["customer"],
        method_id=method_id,
        amount=invoice["amount_remaining"],
        currency=invoice["currency"],
        intent=invoice_payments.intent_of(engine, invoice),
        then=partial(engine.payment_decided, invoice["id"]),
    )
    note(engine, invoice, outcome, counts=is_automatic or not invoice["attempt_count"])
    if outcome.status not in {"succeeded", "processing"}:
        engine.emit("invoice.payment_failed", invoice)
        if is_automatic:
            invoices.mark_customer(engine, invoice, is_delinquent=True)
    if needs_customer(outcome):
        engine.state.notes[invoice["id"]]["refused_method"] = method_id
    return outcome


def note(engine: Engine, invoice: StripeObject, outcome: Outcome, *, counts: bool) -> None:
    """Write down what became of an attempt; the caller tells of a failure."""
    if outcome.status == "succeeded":
        invoices.mark_paid(engine, invoice, attempts=1 if counts else 0)
        return
    notes = engine.state.notes[invoice["id"]]
    was_processing = notes.get("is_processing", False)
    notes["is_processing"] = outcome.status == "processing"
    with engine.changing(invoice, invoices.UPDATED):
        invoice["attempted"] = True
        if counts:
            invoice["attempt_count"] += 1
        if notes["is_processing"]:
            invoice["next_payment_attempt"] = None
        elif counts or was_processing:
            invoice["next_payment_attempt"] = _next_attempt(engine, invoice)
    if outcome.status == "requires_action":
        engine.emit("invoice.payment_action_required", invoice)


def needs_customer(outcome: Outcome) -> bool:
    """Whether trying the same payment method again is no use."""
    return outcome.status == "requires_action" or outcome.decline_code in HARD_DECLINES


def skip(engine: Engine, invoice: StripeObject) -> None:
    """A retry is due and the only payment method was refused for good: nobody is charged."""
    with engine.changing(invoice, invoices.UPDATED):
        invoice["attempt_count"] += 1
        invoice["next_payment_attempt"] = _next_attempt(engine, invoice)


def _next_attempt(engine: Engine, invoice: StripeObject) -> int | None:
    notes = engine.state.notes[invoice["id"]]
    if not invoice["auto_advance"] or not notes.get("is_retried", True):
        return None
    if invoices.payer(engine, invoice) is None:
        return None
    days = engine.retry_days
    retries: list[int] = notes.setdefault("retries", [engine.now + day * DAY for day in days])
    return next((moment for moment in retries if moment > engine.now), None)
