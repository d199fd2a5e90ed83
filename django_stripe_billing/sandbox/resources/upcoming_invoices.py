"""The invoice that a subscription would have next, without making it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import SandboxError
from ..state import StripeObject
from . import (
    billables,
    invoice_discounts,
    invoice_items,
    invoice_object,
    phases,
    subscription_items,
)
from .billables import Billable

if TYPE_CHECKING:
    from ..engine import Engine


def period_end(subscription: StripeObject) -> int:
    """When the next item's period ends."""
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def renewal(
    engine: Engine,
    subscription: StripeObject,
    *,
    items: Sequence[StripeObject] = (),
    extra: Sequence[Billable] = (),
) -> StripeObject:
    """The invoice of the next renewal, with what is pending; `items` as they would be then.

    Raises SandboxError when nothing will be invoiced.
    """
    held = [dict(item) for item in (items or subscription["items"]["data"])]
    moment = min(item["current_period_end"] for item in held)
    ends = subscription["cancel_at"]
    due: list[StripeObject] = []
    after = dict(subscription)
    if ends is None or ends > moment:
        due = [item for item in held if item["current_period_end"] <= moment]
        if subscription["status"] == "trialing":
            after["billing_cycle_anchor"] = moment
        due = phases.items_from(engine, after, due, at=moment)
        subscription_items.start_period(due, start=moment, anchor=after["billing_cycle_anchor"])
    pending = invoice_items.pending(
        engine,
        subscription["customer"],
        subscription_id=subscription["id"],
        currency=subscription["currency"],
    )
    content = [
        *(billables.of_invoice_item(engine, entry) for entry in pending),
        *extra,
        *(billables.for_period(engine, after, item) for item in due),
    ]
    if not content:
        raise none_upcoming()
    customer = engine.state.objects[subscription["customer"]]
    invoice = invoice_object.build(
        engine,
        customer,
        content,
        reason="upcoming",
        subscription=subscription,
        currency=subscription["currency"],
        is_kept=False,
        discounts=invoice_discounts.due(engine, customer, subscription, at=moment),
    )
    starts = min(item["current_period_start"] for item in held)
    invoice["period_start"], invoice["period_end"] = starts, moment
    invoice["created"] = moment
    invoice["next_payment_attempt"] = moment + 3600
    return invoice


def none_upcoming() -> SandboxError:
    return SandboxError(
        "No upcoming invoices for customer", status=404, code="invoice_upcoming_none"
    )
