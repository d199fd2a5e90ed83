"""Changing what a subscription consists of: planned first, so that a preview is the same sum.

https://docs.stripe.com/billing/subscriptions/change-price
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..state import StripeObject
from . import (
    active_entitlements,
    billables,
    billing,
    dunning,
    invoice_discounts,
    invoice_items,
    invoice_object,
    metered_lines,
    price_tiers,
    prices,
    prorations,
    subscription_items,
)
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an update would do."""

    items: list[StripeObject]
    """The items as they will be."""
    prorations: list[Billable]
    """Credits and charges for what is left of the period, and the usage of what is taken away."""
    starts_anew: bool
    """The billing cycle starts now, and its first period is billed in full."""
    discounts: list[StripeObject]
    """Those that the change is billed with."""
    invoices_now: bool
    """There is an invoice at once; else the prorations wait for the next one."""


def plan(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> Plan:
    """What `items` and `billing_cycle_anchor` of an update would do; changes nothing.

    Raises SandboxError.
    """
    old = subscription["items"]["data"]
    items = [dict(item) for item in old]
    behavior = params.get("proration_behavior") or "create_prorations"
    at = _moment(engine, subscription, params)
    interval_changed = "items" in params and subscription_items.change(
        engine, items, params["items"], subscription
    )
    is_billed = subscription["status"] in prorations.BILLED
    restarts = (params.get("billing_cycle_anchor") or {}).get("type") == "now"
    was_free, is_free = _is_free(engine, old), _is_free(engine, items)
    starts_anew = is_billed and (restarts or interval_changed or (was_free and not is_free))
    customer = engine.state.objects[subscription["customer"]]
    discounts = invoice_discounts.wanted(engine, customer, subscription, params, at=engine.now)
    found: list[Billable] = []
    if is_billed and behavior != "none":
        found = (
            prorations.credits(engine, subscription, old, at=at)
            if starts_anew
            else prorations.between(
                engine,
                subscription,
                old=old,
                new=items,
                at=at,
                discounts=invoice_discounts.lasting(engine, discounts),
            )
        )
        found += metered_lines.of_removed(engine, subscription, new=items, until=engine.now)
    if starts_anew:
        subscription_items.start_period(items, start=engine.now, anchor=engine.now)
    added = _added(engine, subscription, params)
    is_invoiced = found or (added and subscription["billing_mode"]["type"] == "classic")
    return Plan(
        items=items,
        prorations=found + added,
        starts_anew=starts_anew,
        discounts=discounts,
        invoices_now=starts_anew or (behavior == "always_invoice" and bool(is_invoiced)),
    )


def _added(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> list[Billable]:
    """`add_invoice_items`: they wait for the subscription's next invoice."""
    return [
        invoice_items.read(
            engine,
            {**entry, "subscription": subscription["id"]},
            currency=subscription["currency"],
        )
        for entry in params.get("add_invoice_items") or []
    ]


def of_trial_end_now(engine: Engine, wanted: Plan) -> Plan:
    """What ending the trial now bills: the first period of the items as they will be."""
    items = [dict(item) for item in wanted.items]
    subscription_items.start_period(items, start=engine.now, anchor=engine.now)
    return Plan(items=items, prorations=[], starts_anew=True, discounts=[], invoices_now=True)


def _is_free(engine: Engine, items: list[StripeObject]) -> bool:
    return not any(
        billables.is_metered(item) or price_tiers.cost(engine, item["price"], item["quantity"])
        for item in items
    )


def _moment(engine: Engine, subscription: StripeObject, params: dict[str, Any]) -> int:
    at = params.get("proration_date")
    if at is None:
        return engine.now
    if params.get("proration_behavior") == "none":
        raise SandboxError(
            "proration_date can't be used with proration_behavior=none.", param="proration_date"
        )
    items = subscription["items"]["data"]
    starts = min(item["current_period_start"] for item in items)
    ends = max(item["current_period_end"] for item in items)
    if not starts <= at <= ends:
        raise SandboxError(
            "Invalid timestamp: it must be within the current subscription period.",
            param="proration_date",
        )
    return int(at)


def apply(
    engine: Engine,
    subscription: StripeObject,
    wanted: Plan,
    *,
    waits_for_payment: bool = False,
    is_billed: bool = True,
) -> None:
    """Do what was planned; the caller tells of the change. `is_billed`: False if that was done."""
    if is_billed:
        for entry in wanted.prorations:
            invoice_items.add(engine, subscription["customer"], entry)
    if wanted.prorations and not wanted.starts_anew:
        changed = prorations.changed(subscription["items"]["data"], wanted.items)
        customer = engine.state.objects[subscription["customer"]]
        due = invoice_discounts.due(engine, customer, subscription, at=engine.now)
        invoice_discounts.remember(engine, changed, invoice_discounts.lasting(engine, due))
    subscription["items"]["data"] = wanted.items
    for item in wanted.items:
        prices.keep(engine, item["price"])
    metered_lines.begin(engine, subscription, wanted.items)
    if wanted.starts_anew:
        subscription["billing_cycle_anchor"] = wanted.items[0]["current_period_start"]
    active_entitlements.take_features(engine, subscription)
    if not (is_billed and wanted.invoices_now):
        return
    invoice = billing.bill(
        engine,
        subscription,
        reason="subscription_update",
        items=wanted.items if wanted.starts_anew else (),
        waits_for_payment=waits_for_payment,
        takes_loose=False,
    )
    dunning.watch(engine, invoice)
    if subscription["status"] != "unpaid":
        subscription["status"] = dunning.standing(engine, subscription)


def invoice_of(engine: Engine, subscription: StripeObject, wanted: Plan) -> StripeObject:
    """The invoice that a plan which invoices at once would make, not kept."""
    customer = engine.state.objects[subscription["customer"]]
    pending = invoice_items.pending(
        engine,
        customer["id"],
        subscription_id=subscription["id"],
        currency=subscription["currency"],
        with_loose=False,
    )
    after = dict(subscription)
    if wanted.starts_anew:
        after["billing_cycle_anchor"] = wanted.items[0]["current_period_start"]
    content = [
        *(billables.of_invoice_item(engine, entry) for entry in pending),
        *wanted.prorations,
        *(
            billables.for_period(engine, after, item)
            for item in (wanted.items if wanted.starts_anew else [])
        ),
    ]
    return invoice_object.build(
        engine,
        customer,
        content,
        reason="subscription_update",
        subscription=subscription,
        currency=subscription["currency"],
        is_kept=False,
        discounts=wanted.discounts,
    )
