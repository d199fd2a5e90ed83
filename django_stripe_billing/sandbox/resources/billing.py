"""Invoicing a subscription: its periods, and what waits for its next invoice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..state import StripeObject
from . import (
    billables,
    invoice_collection,
    invoice_discounts,
    invoice_items,
    invoices,
    metered_lines,
)
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine


def bill(
    engine: Engine,
    subscription: StripeObject,
    *,
    reason: str,
    items: Sequence[StripeObject] = (),
    extra: Sequence[Billable] = (),
    is_free: bool = False,
    is_at_once: bool = True,
    is_retried: bool = True,
    waits_for_payment: bool = False,
    takes_loose: bool = True,
    takes_pending: bool = True,
    period: tuple[int, int] | None = None,
) -> StripeObject | None:
    """Invoice the current periods of these items with what is pending; None: nothing to invoice.

    `is_at_once` finalizes and collects now, else the draft is finalized in an hour.
    `waits_for_payment` leaves the first attempt to the customer. `is_free`: for a trial.
    """
    customer = engine.state.objects[subscription["customer"]]
    pending = (
        invoice_items.pending(
            engine,
            customer["id"],
            subscription_id=subscription["id"],
            currency=subscription["currency"],
            with_loose=takes_loose,
        )
        if takes_pending
        else []
    )
    lines = [billables.for_period(engine, subscription, item, is_free=is_free) for item in items]
    if not (pending or lines or extra):
        return None
    invoice = invoices.draft(
        engine,
        customer,
        [*extra, *lines],
        reason=reason,
        currency=subscription["currency"],
        subscription=subscription,
        period=period,
        pending=pending,
    )
    billed_with = [engine.state.objects[one] for one in invoice["discounts"]]
    invoice_discounts.remember(engine, items, billed_with)
    metered_lines.mark_billed(engine, subscription, items)
    notes = engine.state.notes[invoice["id"]]
    notes["days_until_due"] = subscription["days_until_due"]
    notes["is_retried"] = is_retried
    notes["awaits_payment"] = waits_for_payment
    _proceed(engine, subscription, invoice, is_at_once=is_at_once)
    return invoice


def _proceed(
    engine: Engine, subscription: StripeObject, invoice: StripeObject, *, is_at_once: bool
) -> None:
    paused = subscription["pause_collection"]
    if subscription["status"] == "unpaid" or (paused and paused["behavior"] == "keep_as_draft"):
        invoice["auto_advance"] = False
    elif paused:
        _set_aside(engine, invoice, behavior=paused["behavior"])
    elif is_at_once:
        finalize_and_collect(engine, invoice)
    else:
        invoice["automatically_finalizes_at"] = engine.now + invoices.DRAFT_SECONDS


def _set_aside(engine: Engine, invoice: StripeObject, *, behavior: str) -> None:
    invoices.finalize(engine, invoice)
    if invoice["status"] != "open":
        return
    if behavior == "void":
        invoices.void(engine, invoice)
    else:
        invoices.mark_uncollectible(engine, invoice, reason="user_forgiven")


def finalize_and_collect(engine: Engine, invoice: StripeObject) -> None:
    """Finalize a draft, and charge it or send it."""
    invoices.finalize(engine, invoice)
    if invoice["status"] != "open" or not invoice["auto_advance"]:
        return
    if invoice["collection_method"] == "send_invoice":
        engine.emit("invoice.sent", invoice)
    elif not engine.state.notes[invoice["id"]].get("awaits_payment"):
        invoice_collection.collect(engine, invoice, method_id=invoices.payer(engine, invoice))
