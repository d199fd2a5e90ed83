"""Metered usage on invoices: billed for the past period, counted until the invoice is finalized.

https://docs.stripe.com/billing/subscriptions/usage-based
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ..state import StripeObject
from . import billables, meters, price_currencies, price_tiers
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine


def unbilled(engine: Engine, subscription: StripeObject, *, until: int) -> list[Billable]:
    """What was used and not billed yet; nothing for items that were not used."""
    lines = (
        billables.for_usage(engine, subscription, item, until=until)
        for item in subscription["items"]["data"]
        if billables.is_metered(item)
    )
    return [line for line in lines if line.usage]


def of_removed(
    engine: Engine, subscription: StripeObject, *, new: Iterable[StripeObject], until: int
) -> list[Billable]:
    """What was used of metered prices that a change takes away: billed, but in classic mode lost.

    https://docs.stripe.com/billing/subscriptions/usage-based/manage-billing-setup
    """
    if subscription["billing_mode"]["type"] == "classic":
        return []
    kept = {(item["id"], item["price"]["id"]) for item in new}
    return [
        # A line that is not counted again: it is an invoice item's.
        replace(line, usage=None, quantity=int(line.usage or 0))
        for line in unbilled(engine, subscription, until=until)
        if line.price is not None and (line.subscription_item, line.price["id"]) not in kept
    ]


def begin(engine: Engine, subscription: StripeObject, items: Iterable[StripeObject]) -> None:
    """Metered prices that are new in a running subscription count from now, in a trial after it."""
    is_trial = subscription["status"] == "trialing"
    for item in items:
        if billables.is_metered(item):
            notes, price_id = engine.state.notes[item["id"]], item["price"]["id"]
            if price_id not in notes.get("billed_until", {}):
                since = item["current_period_end"] if is_trial else engine.now
                notes["billed_until"] = {price_id: since}


def mark_billed(engine: Engine, subscription: StripeObject, items: Iterable[StripeObject]) -> None:
    """These items are billed up to their period's beginning; a trial's usage costs nothing."""
    is_trial = subscription["status"] == "trialing"
    for item in items:
        if billables.is_metered(item):
            moment = item["current_period_end" if is_trial else "current_period_start"]
            engine.state.notes[item["id"]]["billed_until"] = {item["price"]["id"]: moment}


def count_again(engine: Engine, invoice: StripeObject) -> None:
    """Usage that was told of late is billed, too, as long as the invoice is a draft."""
    for line in invoice["lines"]["data"]:
        if not engine.state.notes.get(line["id"], {}).get("is_usage"):
            continue
        price = engine.state.objects[line["pricing"]["price_details"]["price"]]
        price = price_currencies.of(engine, price, invoice["currency"])
        start, end = line["period"]["start"], line["period"]["end"]
        usage: Decimal = meters.metered_quantity(engine, invoice["customer"], price, start, end)
        line["amount"] = line["subtotal"] = price_tiers.cost(engine, price, usage)
        line["quantity"], line["quantity_decimal"] = int(usage), format(usage, "f")
