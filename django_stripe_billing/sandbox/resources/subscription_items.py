"""What a subscription consists of. https://docs.stripe.com/api/subscription_items"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, missing
from ..periods import period_around
from ..state import StripeObject
from . import price_currencies, prices, tax_rates
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine

MOST = 20

INACTIVE = "The price specified is inactive. This field only accepts active prices."


def build(engine: Engine, given: dict[str, Any], *, subscription_id: str, at: str) -> StripeObject:
    """A new item; its period is set by `start_period`."""
    check(given, at=at)
    price = _price(engine, given, at=at)
    return {
        "id": engine.state.new_id("si_"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": engine.now,
        "current_period_end": engine.now,
        "current_period_start": engine.now,
        "current_trial": None,
        "discounts": [],
        "metadata": merged({}, given.get("metadata", {})),
        "plan": prices.plan_of(price),
        "price": price,
        "quantity": _quantity(price, given, at=at),
        "subscription": subscription_id,
        "tax_rates": tax_rates.named(engine, given.get("tax_rates"), param=f"{at}[tax_rates]"),
    }


def check(given: dict[str, Any], *, at: str) -> None:
    """Refuse what the sandbox does not work out. Raises SandboxError."""
    if given.get("discounts"):
        raise SandboxError(
            "The sandbox discounts subscriptions as a whole, and not single items.",
            param=f"{at}[discounts]",
        )


def check_taxes(given: dict[str, Any], *, name: str, at: str = "") -> None:
    """Schedules have no tax rates in the sandbox. Raises SandboxError."""
    for rate in given.get(name) or []:
        raise missing("tax rate", rate, param=f"{at}[{name}]" if at else name, status=400)


def _price(engine: Engine, given: dict[str, Any], *, at: str) -> StripeObject:
    name = given.get("price") or given.get("plan")
    if "price_data" in given:
        if name:
            raise SandboxError("Pass one of price and price_data.", param=f"{at}[price]")
        return prices.inline(engine, given["price_data"], at=f"{at}[price_data]")
    if not name:
        raise SandboxError(
            f"Missing required param: {at}[price].",
            code="parameter_missing",
            param=f"{at}[price]",
        )
    price = engine.state.get("price", name, param=f"{at}[price]", status=400)
    if price["type"] != "recurring":
        raise SandboxError(
            f"The price specified is set to `type=one_time` but this field only accepts prices"
            f" with `type=recurring`: {name}",
            param=f"{at}[price]",
        )
    if not price["active"] and not given.get("is_planned"):
        raise SandboxError(INACTIVE, param=f"{at}[price]")
    return price


def _quantity(price: StripeObject, given: dict[str, Any], *, at: str) -> int | None:
    if price["recurring"]["usage_type"] == "metered":
        return None
    quantity = given.get("quantity", 1)
    if not isinstance(quantity, int) or quantity < 0:
        raise SandboxError(
            "Invalid non-negative integer",
            code="parameter_invalid_integer",
            param=f"{at}[quantity]",
        )
    return quantity


def change(
    engine: Engine,
    items: list[StripeObject],
    given: list[dict[str, Any]],
    subscription: StripeObject,
) -> bool:
    """Apply an update's `items` in place; whether a billing interval changed.

    An entry without an id is added; a price without a quantity sets the quantity to 1.
    """
    by_id = {item["id"]: item for item in items}
    interval_changed = False
    for index, entry in enumerate(given):
        at = f"items[{index}]"
        if "id" not in entry:
            added = build(engine, entry, subscription_id=subscription["id"], at=at)
            if any(item["price"]["id"] == added["price"]["id"] for item in items):
                raise SandboxError(
                    "Cannot add multiple subscription items with the same price.", param=at
                )
            price_currencies.of(
                engine, added["price"], subscription["currency"], param=f"{at}[price]"
            )
            start_period(
                [added],
                start=engine.now,
                anchor=subscription["billing_cycle_anchor"],
                end=subscription["trial_end"] if subscription["status"] == "trialing" else 0,
            )
            items.append(added)
            continue
        item = by_id.get(entry["id"])
        if item is None:
            raise missing("subscription item", entry["id"], param=f"{at}[id]", status=400)
        if entry.get("deleted"):
            items.remove(item)
            continue
        currency = subscription["currency"]
        interval_changed |= _change_one(engine, item, entry, currency=currency, at=at)
    if not items:
        raise SandboxError("A subscription must have at least one active item.", param="items")
    if len(items) > MOST:
        raise SandboxError(f"A subscription has at most {MOST} items.", param="items")
    return interval_changed


def _change_one(
    engine: Engine, item: StripeObject, entry: dict[str, Any], *, currency: str, at: str
) -> bool:
    check(entry, at=at)
    interval_changed = False
    if entry.keys() & {"price", "plan", "price_data"}:
        price = _price(engine, entry, at=at)
        price_currencies.of(engine, price, currency, param=f"{at}[price]")
        old = item["price"]["recurring"]
        new = price["recurring"]
        interval_changed = (old["interval"], old["interval_count"]) != (
            new["interval"],
            new["interval_count"],
        )
        item["price"], item["plan"] = price, prices.plan_of(price)
        item["quantity"] = _quantity(price, entry, at=at)
    elif "quantity" in entry:
        item["quantity"] = _quantity(item["price"], entry, at=at)
    if "tax_rates" in entry:
        param = f"{at}[tax_rates]"
        item["tax_rates"] = tax_rates.named(engine, entry["tax_rates"], param=param)
    if "metadata" in entry:
        item["metadata"] = merged(item["metadata"], entry["metadata"])
    return interval_changed


def start_period(items: list[StripeObject], *, start: int, anchor: int, end: int = 0) -> None:
    """Give each item the period that begins at `start`; `end` overrides, as for a trial."""
    for item in items:
        recurring = item["price"]["recurring"]
        item["current_period_start"] = start
        item["current_period_end"] = (
            end
            or period_around(
                anchor,
                at=start,
                interval=recurring["interval"],
                interval_count=recurring["interval_count"],
            )[1]
        )
