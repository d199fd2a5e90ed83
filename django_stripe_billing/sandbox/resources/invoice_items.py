"""Invoice items: amounts that wait for the customer's next invoice.

https://docs.stripe.com/api/invoiceitems
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .. import amounts
from ..errors import SandboxError
from ..state import StripeObject
from . import billables, price_currencies, price_tiers, prices, tax_rates
from .billables import Billable
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "invoiceitem"


def add(
    engine: Engine, customer_id: str, billable: Billable, *, invoice_id: str | None = None
) -> StripeObject:
    """A new item; without an invoice it waits for the next one."""
    if billable.price is not None:
        prices.keep(engine, billable.price)
    entry = engine.state.add(
        {
            "id": engine.state.new_id("ii_", length=24),
            "object": KIND,
            "amount": billable.amount,
            "currency": billable.currency,
            "customer": customer_id,
            "customer_account": None,
            "date": engine.now,
            "description": billable.description,
            "discountable": billable.is_discountable,
            "discounts": [],
            "invoice": invoice_id,
            "livemode": False,
            "metadata": dict(billable.metadata),
            "net_amount": None if billable.is_discountable else billable.amount,
            "parent": _parent(billable),
            "period": {"end": billable.end, "start": billable.start},
            "pricing": billables.pricing(billable),
            "proration": billable.is_proration,
            "quantity": billable.quantity,
            "quantity_decimal": None if billable.quantity is None else str(billable.quantity),
            "tax_rates": tax_rates.named(engine, billable.tax_rates, param="tax_rates"),
            "test_clock": None,
        }
    )
    if invoice_id is None:
        engine.state.notes[customer_id].setdefault("pending_items", []).append(entry["id"])
    engine.emit("invoiceitem.created", entry)
    return entry


def _parent(billable: Billable) -> StripeObject | None:
    if billable.subscription is None:
        return None
    details = {"subscription": billable.subscription}
    if billable.subscription_item is not None:
        details["subscription_item"] = billable.subscription_item
    return {"subscription_details": details, "type": "subscription_details"}


def check_owner(engine: Engine, subscription_id: str, customer_id: str) -> StripeObject:
    """The subscription. Raises SandboxError when it is another customer's."""
    found = engine.state.get("subscription", subscription_id, param="subscription", status=400)
    if found["customer"] != customer_id:
        raise SandboxError("The subscription belongs to another customer.", param="subscription")
    return found


def pending(
    engine: Engine,
    customer_id: str,
    *,
    subscription_id: str | None,
    currency: str,
    with_loose: bool = True,
) -> list[StripeObject]:
    """What waits for an invoice of this subscription, oldest first.

    `with_loose` takes the customer's items, too, that belong to no subscription.
    """
    ids = engine.state.notes[customer_id].get("pending_items", [])
    found = []
    for entry in (engine.state.objects[item_id] for item_id in ids):
        details = (entry["parent"] or {}).get("subscription_details") or {}
        belongs = details.get("subscription")
        if entry["currency"] == currency and (
            (with_loose and belongs is None) or (belongs is not None and belongs == subscription_id)
        ):
            found.append(entry)
    return found


def take_up(engine: Engine, entries: Iterable[StripeObject], invoice_id: str) -> None:
    """The items stand in an invoice now."""
    for entry in entries:
        entry["invoice"] = invoice_id
        forget(engine, entry)


def release(engine: Engine, entry: StripeObject) -> None:
    """The item's draft is gone: it waits for another invoice."""
    entry["invoice"] = None
    engine.state.notes[entry["customer"]].setdefault("pending_items", []).append(entry["id"])


def forget(engine: Engine, entry: StripeObject) -> None:
    """The item waits no more."""
    held = engine.state.notes[entry["customer"]].get("pending_items", [])
    if entry["id"] in held:
        held.remove(entry["id"])


def read(engine: Engine, params: dict[str, Any], *, currency: str) -> Billable:
    """What a request's parameters describe. Raises SandboxError."""
    quantity = params.get("quantity", 1)
    period = params.get("period") or {"start": engine.now, "end": engine.now}
    price_id = (params.get("pricing") or {}).get("price") or params.get("price")
    price = None
    if price_id:
        price = engine.state.get("price", price_id, param="pricing[price]", status=400)
        if price["type"] != "one_time":
            raise SandboxError(
                "The price specified is set to `type=recurring` but this field only accepts prices"
                " with `type=one_time`.",
                param="pricing[price]",
            )
    elif "price_data" in params:
        data = {**params["price_data"]}
        data.setdefault("currency", currency)
        price = prices.inline(engine, data, at="price_data")
    if price is not None:
        if price_currencies.is_in(engine, price, currency):
            price = price_currencies.of(engine, price, currency)
        amount, currency = price_tiers.cost(engine, price, quantity), price["currency"]
    elif "unit_amount_decimal" in params:
        amount = amounts.of({"unit_amount_decimal": params["unit_amount_decimal"]}, quantity)
    elif "amount" in params:
        amount = params["amount"]
    else:
        raise SandboxError(
            "One of amount, unit_amount_decimal, pricing and price_data is required.",
            code="parameter_missing",
            param="amount",
        )
    return Billable(
        amount=amount,
        currency=currency,
        description=params.get("description"),
        start=period["start"],
        end=period["end"],
        quantity=quantity,
        price=price,
        subscription=params.get("subscription"),
        tax_rates=tuple(
            rate["id"]
            for rate in tax_rates.named(engine, params.get("tax_rates"), param="tax_rates")
        ),
        is_discountable=params.get("discountable", amount >= 0),
        metadata=merged({}, params.get("metadata", {})),
    )
