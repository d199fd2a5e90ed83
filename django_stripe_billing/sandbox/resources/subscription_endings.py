"""How a subscription ends, for good or, paused, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..state import StripeObject
from . import active_entitlements, billing, invoice_items, invoices, metered_lines, prorations

if TYPE_CHECKING:
    from ..engine import Engine

TERMINAL = {"canceled", "incomplete_expired"}
UPDATED = "customer.subscription.updated"


def end(
    engine: Engine,
    subscription: StripeObject,
    *,
    reason: str = "cancellation_requested",
    prorates: bool = False,
    invoices_now: bool = False,
) -> None:
    """The subscription ends now; `prorates` credits what was paid and not used.

    `invoices_now` bills what is pending and what was used; else nobody bills it.
    """
    if subscription["status"] in TERMINAL:
        return
    if prorates and subscription["status"] in prorations.BILLED:
        items = subscription["items"]["data"]
        for entry in prorations.credits(engine, subscription, items, at=engine.now):
            invoice_items.add(engine, subscription["customer"], entry)
    _stop_invoices(engine, subscription)
    if invoices_now:
        billing.bill(
            engine,
            subscription,
            reason="subscription_update",
            extra=metered_lines.unbilled(engine, subscription, until=engine.now),
            is_retried=False,
            takes_loose=False,
        )
    subscription["status"] = "canceled"
    subscription["canceled_at"] = subscription["canceled_at"] or engine.now
    subscription["ended_at"] = engine.now
    subscription["pending_update"] = None
    details = subscription["cancellation_details"]
    details["reason"] = details["reason"] or reason
    _drop_schedule(engine, subscription)
    engine.emit("customer.subscription.deleted", subscription)
    active_entitlements.refresh(engine, subscription["customer"])


def _stop_invoices(engine: Engine, subscription: StripeObject) -> None:
    for invoice_id in engine.state.notes[subscription["id"]].get("invoices", []):
        if invoice_id in engine.state.objects:
            invoices.stop(engine, engine.state.objects[invoice_id])


def _drop_schedule(engine: Engine, subscription: StripeObject) -> None:
    """Its schedule is completed if that was the end it had planned, else canceled."""
    schedule = engine.state.objects.get(subscription["schedule"] or "")
    if schedule is None or schedule["status"] != "active":
        return
    is_planned = engine.now >= schedule["phases"][-1]["end_date"]
    outcome = "completed" if is_planned else "canceled"
    schedule.update({"status": outcome, f"{outcome}_at": engine.now, "current_phase": None})
    engine.emit(f"subscription_schedule.{outcome}", schedule)
    if subscription["cancellation_details"]["reason"] == "payment_failed":
        engine.emit("subscription_schedule.aborted", schedule)


def expire(engine: Engine, subscription: StripeObject) -> None:
    """The first payment did not come in time; told as `updated`."""
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "incomplete_expired"
        subscription["ended_at"] = engine.now
    invoice = engine.state.objects[subscription["latest_invoice"]]
    if invoice["status"] == "open":
        invoices.void(engine, invoice)
    active_entitlements.refresh(engine, subscription["customer"])


def pause(engine: Engine, subscription: StripeObject, *, kind: str) -> None:
    """Service is suspended: no invoices and no new periods until it is resumed."""
    with engine.changing(subscription, UPDATED):
        subscription["status"] = "paused"
        subscription["status_details"] = {
            "paused": {
                "subscription": {"type": kind},
                "transitioned_at": engine.now,
                "type": "subscription",
            }
        }
    engine.emit("customer.subscription.paused", subscription)
    active_entitlements.refresh(engine, subscription["customer"])
