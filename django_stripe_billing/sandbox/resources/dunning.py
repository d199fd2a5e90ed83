"""What an invoice's fate does to its subscription, and what happens to an invoice by itself.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..state import StripeObject
from . import (
    active_entitlements,
    billing,
    invoice_collection,
    invoice_object,
    invoice_payments,
    invoices,
)
from .payment_attempts import Outcome
from .subscription_endings import TERMINAL, UPDATED, end, expire, pause

if TYPE_CHECKING:
    from ..engine import Engine

JUDGED = {"active", "past_due", "unpaid", "incomplete"}
"""Statuses that follow from invoices."""


def standing(engine: Engine, subscription: StripeObject) -> str:
    """`active` or `past_due`, by the latest finalized invoice; voided ones are looked past."""
    for invoice_id in reversed(engine.state.notes[subscription["id"]].get("invoices", [])):
        invoice = engine.state.objects.get(invoice_id)
        if invoice is None or invoice["status"] in {"draft", "void"}:
            continue
        if engine.state.notes[invoice_id].get("is_for_pending_update"):
            continue
        return "past_due" if _is_failing(engine, invoice) else "active"
    return "active"


def _is_failing(engine: Engine, invoice: StripeObject) -> bool:
    notes = engine.state.notes[invoice["id"]]
    return invoice["status"] == "open" and bool(
        (invoice["attempted"] and not notes.get("is_processing"))
        or notes.get("awaits_payment")
        or (invoice["due_date"] and invoice["due_date"] <= engine.now)
    )


def follow(engine: Engine, invoice: StripeObject) -> None:
    """An invoice was paid, failed, voided or given up: let its subscription follow."""
    subscription = engine.state.objects.get(invoice_object.subscription_of(invoice) or "")
    continuation = engine.state.notes[invoice["id"]].get("when_paid")
    if continuation is not None and invoice["status"] == "paid":
        del engine.state.notes[invoice["id"]]["when_paid"]
        continuation()
    if subscription is None or subscription["status"] not in JUDGED:
        return
    if invoice["status"] == "paid":
        _keep_method(engine, subscription, invoice)
    if subscription["status"] == "incomplete":
        _follow_first(engine, subscription, invoice)
        return
    found = standing(engine, subscription)
    with engine.changing(subscription, UPDATED):
        if found == "active" or subscription["status"] != "unpaid":
            subscription["status"] = found
    active_entitlements.refresh(engine, subscription["customer"])


def _keep_method(engine: Engine, subscription: StripeObject, invoice: StripeObject) -> None:
    """`save_default_payment_method=on_subscription`: what paid once pays again."""
    intent = invoice_payments.intent_of(engine, invoice)
    wanted = subscription["payment_settings"]["save_default_payment_method"] == "on_subscription"
    if wanted and intent is not None and intent["status"] == "succeeded":
        with engine.changing(subscription, UPDATED):
            subscription["default_payment_method"] = intent["payment_method"]


def _follow_first(engine: Engine, subscription: StripeObject, invoice: StripeObject) -> None:
    if invoice["status"] == "void":
        expire(engine, subscription)
    elif invoice["status"] == "paid":
        with engine.changing(subscription, UPDATED):
            subscription["status"] = "active"
        active_entitlements.refresh(engine, subscription["customer"])


def pay(engine: Engine, invoice: StripeObject, *, method_id: str | None) -> Outcome:
    """Someone pays an open invoice with a payment method."""
    outcome = invoice_collection.collect(engine, invoice, method_id=method_id, is_automatic=False)
    follow(engine, invoice)
    return outcome


def payment_decided(engine: Engine, invoice_id: str, outcome: Outcome) -> None:
    """An invoice's payment intent was confirmed by a client, authenticated, or settled later."""
    invoice = engine.state.objects.get(invoice_id)
    if invoice is None or invoice["status"] not in {"open", "uncollectible"}:
        return
    is_first = not invoice["attempt_count"] and outcome.status == "succeeded"
    is_settled = engine.state.notes[invoice_id].get("is_processing", False)
    invoice_collection.note(engine, invoice, outcome, counts=is_first)
    if outcome.decline_code:
        engine.emit("invoice.payment_failed", invoice)
    follow(engine, invoice)
    if is_settled:
        _give_up_after_last(engine, invoice)
    watch(engine, invoice)


def watch(engine: Engine, invoice: StripeObject | None) -> None:
    """Look at an invoice again when something is due."""
    if invoice is None:
        return
    watched: set[int] = engine.state.notes[invoice["id"]].setdefault("watched", set())
    for name in ("automatically_finalizes_at", "next_payment_attempt", "due_date"):
        moment = invoice[name]
        if moment is not None and moment >= engine.now and moment not in watched:
            watched.add(moment)
            again = partial(advance, engine, invoice["id"])
            engine.state.at(moment, again, about=invoice["id"])


def advance(engine: Engine, invoice_id: str) -> None:
    """Let happen what is due to an invoice by now: finalization, a retry, its being overdue."""
    invoice = engine.state.objects.get(invoice_id)
    if invoice is None:
        return
    now, notes = engine.now, engine.state.notes[invoice_id]
    if invoice["status"] == "draft":
        moment = invoice["automatically_finalizes_at"]
        if invoice["auto_advance"] and moment is not None and moment <= now:
            billing.finalize_and_collect(engine, invoice)
            follow(engine, invoice)
            _give_up_after_last(engine, invoice)
    elif invoice["status"] == "open":
        moment = invoice["next_payment_attempt"]
        if moment is not None and moment <= now:
            _retry(engine, invoice)
            follow(engine, invoice)
            _give_up_after_last(engine, invoice)
        elif invoice["due_date"] and invoice["due_date"] <= now and not notes.get("is_overdue"):
            notes["is_overdue"] = True
            engine.emit("invoice.overdue", invoice)
            invoices.mark_customer(engine, invoice, is_delinquent=True)
            follow(engine, invoice)
    watch(engine, invoice)


def _retry(engine: Engine, invoice: StripeObject) -> None:
    method_id = invoices.payer(engine, invoice)
    if method_id == engine.state.notes[invoice["id"]].get("refused_method", ""):
        invoice_collection.skip(engine, invoice)
    else:
        invoice_collection.collect(engine, invoice, method_id=method_id)


def _give_up_after_last(engine: Engine, invoice: StripeObject) -> None:
    """The last attempt failed: the subscription ends up as the account is set to.

    Without a payment method there were no attempts, and it stays past due.
    """
    subscription = engine.state.objects.get(invoice_object.subscription_of(invoice) or "")
    if (
        subscription is None
        or subscription["status"] in TERMINAL | {"paused", "unpaid"}
        or invoice["status"] != "open"
        or not invoice["attempt_count"]
        or invoice["next_payment_attempt"] is not None
        or engine.state.notes[invoice["id"]].get("is_processing")
        or not invoice["auto_advance"]
        or invoices.payer(engine, invoice) is None
    ):
        return
    ENDS[engine.end_of_dunning](engine, subscription)
    active_entitlements.refresh(engine, subscription["customer"])


def _cancel(engine: Engine, subscription: StripeObject) -> None:
    end(engine, subscription, reason="payment_failed")


def _leave_unpaid(engine: Engine, subscription: StripeObject) -> None:
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "unpaid"
    for invoice_id in engine.state.notes[subscription["id"]]["invoices"]:
        invoices.stop(engine, engine.state.objects[invoice_id])


def _leave_past_due(engine: Engine, subscription: StripeObject) -> None:
    return


def _pause(engine: Engine, subscription: StripeObject) -> None:
    """What can't be paused is canceled."""
    if subscription["billing_mode"]["type"] != "flexible" or subscription["schedule"]:
        _cancel(engine, subscription)
        return
    invoice = engine.state.objects[subscription["latest_invoice"]]
    if invoice["status"] == "open":
        invoices.mark_uncollectible(engine, invoice, reason="subscription_paused")
    pause(engine, subscription, kind="final_payment_failure")


ENDS: dict[str, Callable[[Engine, StripeObject], None]] = {
    "cancel": _cancel,
    "past_due": _leave_past_due,
    "pause": _pause,
    "unpaid": _leave_unpaid,
}
"""Where failed payments end, by the account's setting."""
