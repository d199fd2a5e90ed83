"""What is to be billed: the common content of an invoice's line and of an invoice item."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .. import amounts
from ..periods import period_around
from ..state import StripeObject
from . import meters, price_currencies, price_tiers, prices

if TYPE_CHECKING:
    from ..engine import Engine


TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, kw_only=True)
class Billable:
    """One amount with its reason."""

    amount: int
    """Minor units; negative for a credit."""
    currency: str
    description: str | None
    start: int
    end: int
    quantity: int | None = 1
    price: StripeObject | None = None
    subscription: str | None = None
    subscription_item: str | None = None
    is_proration: bool = False
    invoice_item: str | None = None
    """The id of the invoice item that it was kept as."""
    is_discountable: bool = True
    usage: Decimal | None = None
    """What was used, for a metered price."""
    tax_rates: tuple[str, ...] = ()
    """Ids of its own rates; without, those of the invoice hold."""
    metadata: dict[str, str] = field(default_factory=dict)


def for_period(
    engine: Engine, subscription: StripeObject, item: StripeObject, *, is_free: bool = False
) -> Billable:
    """An item's current period; a period that is cut short by the anchor costs its part.

    A metered item is billed for the period that is over.
    """
    if is_metered(item):
        return for_usage(engine, subscription, item, until=item["current_period_start"])
    price = price_currencies.of(engine, item["price"], subscription["currency"])
    start, end = item["current_period_start"], item["current_period_end"]
    whole = whole_period(subscription, item, at=start)
    amount = price_tiers.cost(engine, price, item["quantity"])
    if end < whole[1] or start > whole[0]:
        amount = amounts.part(amount, seconds=end - start, whole=whole[1] - whole[0])
    return Billable(
        amount=0 if is_free else amount,
        currency=price["currency"],
        description=("Trial period for " if is_free else "") + named(engine, item),
        start=start,
        end=end,
        quantity=item["quantity"],
        price=price,
        subscription=subscription["id"],
        subscription_item=item["id"],
        tax_rates=rates_of(item),
        metadata=dict(item["metadata"]),
    )


def rates_of(item: StripeObject) -> tuple[str, ...]:
    return tuple(rate["id"] for rate in item["tax_rates"])


def is_metered(item: StripeObject) -> bool:
    return bool(item["price"]["recurring"]["usage_type"] == "metered")


def for_usage(
    engine: Engine, subscription: StripeObject, item: StripeObject, *, until: int
) -> Billable:
    """What was used of a metered item and not billed yet, until a moment."""
    price = price_currencies.of(engine, item["price"], subscription["currency"])
    start: int = item["current_period_start"]
    billed = engine.state.notes.get(item["id"], {}).get("billed_until", {})
    since = min(billed.get(price["id"], start), until)
    usage = meters.metered_quantity(engine, subscription["customer"], price, since, until)
    is_first = since == until
    return Billable(
        amount=price_tiers.cost(engine, price, usage),
        currency=price["currency"],
        description=named(engine, {**item, "quantity": None}),
        start=start if is_first else since,
        end=item["current_period_end"] if is_first else until,
        quantity=int(usage),
        price=price,
        subscription=subscription["id"],
        subscription_item=item["id"],
        tax_rates=rates_of(item),
        usage=None if is_first else usage,
        metadata=dict(item["metadata"]),
    )


def whole_period(subscription: StripeObject, item: StripeObject, *, at: int) -> tuple[int, int]:
    """The period on the subscription's billing cycle that holds a moment, uncut."""
    recurring = item["price"]["recurring"]
    return period_around(
        subscription["billing_cycle_anchor"],
        at=at,
        interval=recurring["interval"],
        interval_count=recurring["interval_count"],
    )


def named(engine: Engine, item: StripeObject) -> str:
    """Its quantity and product, for a line's description."""
    product = engine.state.objects.get(item["price"]["product"])
    name = product["name"] if product else item["price"]["product"]
    return name if item["quantity"] is None else f"{item['quantity']} {TIMES} {name}"


def of_invoice_item(engine: Engine, entry: StripeObject) -> Billable:
    """An invoice item as it will stand in an invoice."""
    details = (entry["parent"] or {}).get("subscription_details") or {}
    price_id = (entry["pricing"] or {}).get("price_details", {}).get("price")
    return Billable(
        amount=entry["amount"],
        currency=entry["currency"],
        description=entry["description"],
        start=entry["period"]["start"],
        end=entry["period"]["end"],
        quantity=entry["quantity"],
        price=_in(engine, price_id, entry["currency"]) if price_id else None,
        subscription=details.get("subscription"),
        subscription_item=details.get("subscription_item"),
        is_proration=entry["proration"],
        invoice_item=entry["id"],
        is_discountable=entry["discountable"],
        tax_rates=rates_of(entry),
        metadata=dict(entry["metadata"]),
    )


def _in(engine: Engine, price_id: str, currency: str) -> StripeObject:
    return price_currencies.of(engine, engine.state.objects[price_id], currency)


def pricing(billable: Billable) -> dict[str, Any]:
    """The `pricing` of a line or an invoice item."""
    price = billable.price
    if price is None:
        unit = Decimal(billable.amount) / billable.quantity if billable.quantity else None
        shown = None if unit is None else format(unit.normalize(), "f")
        return {"type": "price_details", "unit_amount_decimal": shown}
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def line(engine: Engine, billable: Billable, *, invoice_id: str, is_kept: bool) -> StripeObject:
    """An invoice's line."""
    if is_kept and billable.price is not None:
        prices.keep(engine, billable.price)
    line_id = engine.state.new_id("il_" if is_kept else "il_tmp_", length=24)
    exact = billable.quantity if billable.usage is None else billable.usage
    if billable.tax_rates:
        engine.state.notes[line_id]["tax_rates"] = billable.tax_rates
    if is_kept and billable.usage is not None:
        engine.state.notes[line_id]["is_usage"] = True
    return {
        "id": line_id,
        "object": "line_item",
        "amount": billable.amount,
        "currency": billable.currency,
        "description": billable.description,
        "discount_amounts": [],
        "discountable": billable.is_discountable,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": dict(billable.metadata),
        "parent": _parent(billable),
        "period": {"end": billable.end, "start": billable.start},
        "pretax_credit_amounts": [],
        "pricing": pricing(billable),
        "quantity": billable.quantity,
        "quantity_decimal": None if exact is None else format(exact, "f"),
        "subscription": billable.subscription,
        "subtotal": billable.amount,
        "taxes": [],
    }


def _parent(billable: Billable) -> StripeObject:
    if billable.subscription_item is None:
        return {
            "invoice_item_details": {
                "invoice_item": billable.invoice_item,
                "proration": billable.is_proration,
                "proration_details": {"credited_items": None},
                "subscription": billable.subscription,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": billable.invoice_item,
            "proration": billable.is_proration,
            "proration_details": {"credited_items": None},
            "subscription": billable.subscription,
            "subscription_item": billable.subscription_item,
        },
        "type": "subscription_item_details",
    }
