"""Metered usage on invoices: billed for the past period, counted until the invoice is finalized.

https://docs.stripe.com/billing/subscriptions/usage-based
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from .. import amounts
from ..state import StripeObject
from . import billables, meters
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


def mark_billed(engine: Engine, subscription: StripeObject, items: Iterable[StripeObject]) -> None:
    """These items are billed up to their period's beginning; a trial's usage costs nothing."""
    is_trial = subscription["status"] == "trialing"
    for item in items:
        if billables.is_metered(item):
            moment = item["current_period_end" if is_trial else "current_period_start"]
            engine.state.notes[item["id"]]["billed_until"] = moment


def count_again(engine: Engine, invoice: StripeObject) -> None:
    """Usage that was told of late is billed, too, as long as the invoice is a draft."""
    for line in invoice["lines"]["data"]:
        if not engine.state.notes.get(line["id"], {}).get("is_usage"):
            continue
        price = engine.state.objects[line["pricing"]["price_details"]["price"]]
        start, end = line["period"]["start"], line["period"]["end"]
        usage: Decimal = meters.metered_quantity(engine, invoice["customer"], price, start, end)
        line["amount"] = line["subtotal"] = amounts.of(price, usage)
        line["quantity"], line["quantity_decimal"] = int(usage), format(usage, "f")
