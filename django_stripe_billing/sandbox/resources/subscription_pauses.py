"""Pausing and resuming a subscription. https://docs.stripe.com/api/subscriptions/pause"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..periods import HOUR
from ..routes import Call
from ..state import StripeObject
from . import billing, dunning, invoice_items, invoices, lifecycle, prorations, subscription_items
from .subscription_endings import UPDATED
from .subscription_endings import pause as pause_now

if TYPE_CHECKING:
    from ..engine import Engine

RESUME_SECONDS = 23 * HOUR
"""How long the invoice of a resumption may wait for its payment."""


def pause(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    subscription = engine.state.get("subscription", call.ids[0])
    if subscription["billing_mode"]["type"] != "flexible":
        raise SandboxError("Only subscriptions in flexible billing mode can be paused.")
    if subscription["schedule"]:
        raise SandboxError("A subscription with a schedule can't be paused.")
    if subscription["status"] not in {"active", "trialing", "past_due"}:
        raise SandboxError(
            f"A subscription with the status {subscription['status']} can't be paused."
        )
    _credit_unused(engine, subscription, params)
    if params.get("invoicing_behavior") == "invoice":
        billing.bill(
            engine,
            subscription,
            reason="subscription_update",
            takes_loose=False,
            is_retried=False,
        )
    pause_now(engine, subscription, kind="pause_requested")
    return subscription


def _credit_unused(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> None:
    given = (params.get("bill_for") or {}).get("unused_time_from") or {}
    kind = given.get("type", "now")
    if kind == "none" or subscription["status"] not in prorations.BILLED:
        return
    for item in subscription["items"]["data"]:
        at = engine.now if kind == "now" else item["current_period_start"]
        for entry in prorations.credits(engine, subscription, [item], at=at):
            invoice_items.add(engine, subscription["customer"], entry)


def resume(call: Call) -> StripeObject:
    """A period begins and is billed; the subscription is live again when that was tried or paid.

    With the anchor unchanged, the rest of the running period is billed as a proration.
    """
    engine, params = call.engine, call.params
    subscription = engine.state.get("subscription", call.ids[0])
    if subscription["status"] != "paused":
        raise SandboxError("Only a paused subscription can be resumed.")
    if engine.state.notes[subscription["id"]].get("is_resuming"):
        raise SandboxError("This subscription already has an open invoice to be resumed with.")
    items, anchor = _items_from_now(engine, subscription, params)
    invoice = _bill(engine, subscription, params, items=items, anchor=anchor)
    live = partial(_go_live, engine, subscription, items=items, anchor=anchor)
    waits = params.get("payment_behavior") == "resume_on_payment_success"
    if waits and invoice is not None and invoice["status"] == "open":
        engine.state.notes[subscription["id"]]["is_resuming"] = True
        engine.state.notes[invoice["id"]]["when_paid"] = live
        give_up = partial(_give_up, engine, subscription, invoice)
        engine.state.at(engine.now + RESUME_SECONDS, give_up, about=subscription["id"])
        return subscription
    live()
    dunning.watch(engine, invoice)
    return subscription


def _items_from_now(
    engine: Engine, subscription: StripeObject, params: dict[str, Any]
) -> tuple[list[StripeObject], int]:
    items = [dict(item) for item in subscription["items"]["data"]]
    is_kept = (params.get("billing_cycle_anchor") or {}).get("type") == "unchanged"
    anchor = subscription["billing_cycle_anchor"] if is_kept else engine.now
    subscription_items.start_period(items, start=engine.now, anchor=anchor)
    return items, anchor


def _bill(
    engine: Engine,
    subscription: StripeObject,
    params: dict[str, Any],
    *,
    items: list[StripeObject],
    anchor: int,
) -> StripeObject | None:
    after = {**subscription, "billing_cycle_anchor": anchor, "status": "active"}
    behavior = params.get("proration_behavior", "create_prorations")
    waits = params.get("payment_behavior") == "resume_on_payment_success"
    invoice: StripeObject | None = None
    if anchor == engine.now:
        invoice = billing.bill(
            engine, after, reason="subscription_update", items=items, is_retried=not waits
        )
    elif behavior != "none":
        at = params.get("proration_date", engine.now)
        content = prorations.between(engine, after, old=[], new=items, at=at)
        if behavior == "always_invoice":
            invoice = billing.bill(
                engine, after, reason="subscription_update", extra=content, is_retried=not waits
            )
        else:
            for entry in content:
                invoice_items.add(engine, subscription["customer"], entry)
    subscription["latest_invoice"] = after["latest_invoice"]
    return invoice


def _go_live(
    engine: Engine, subscription: StripeObject, *, items: list[StripeObject], anchor: int
) -> None:
    if subscription["status"] != "paused":
        return
    engine.state.notes[subscription["id"]].pop("is_resuming", None)
    with engine.changing(subscription, UPDATED):
        subscription["status_details"] = None
        subscription["billing_cycle_anchor"] = anchor
        subscription["items"]["data"] = items
        subscription["status"] = dunning.standing(engine, subscription)
    engine.emit("customer.subscription.resumed", subscription)
    lifecycle.schedule(engine, subscription)


def _give_up(engine: Engine, subscription: StripeObject, invoice: StripeObject) -> None:
    """Nobody paid: the invoice is voided and the subscription stays paused."""
    engine.state.notes[subscription["id"]].pop("is_resuming", None)
    if invoice["status"] == "open" and invoice["id"] in engine.state.objects:
        invoices.void(engine, invoice)
