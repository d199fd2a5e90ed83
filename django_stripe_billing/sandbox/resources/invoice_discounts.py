"""What discounts take off an invoice, and off the share of a period that a proration bills.

https://docs.stripe.com/billing/subscriptions/coupons
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..discounts import Coupon, Line, discount_amounts
from ..state import StripeObject
from . import discounts, price_currencies, price_tiers

if TYPE_CHECKING:
    from ..engine import Engine

NONE: Sequence[StripeObject] = ()


def due(
    engine: Engine, customer: StripeObject, subscription: StripeObject | None, *, at: int
) -> list[StripeObject]:
    """The discounts of an invoice made at a moment: the subscription's, or else the customer's."""
    ids = [] if subscription is None else subscription["discounts"]
    found = [engine.state.objects[discount_id] for discount_id in ids]
    if not found and customer["discount"] is not None:
        found = [customer["discount"]]
    return [row for row in found if row["end"] is None or row["end"] > at]


def wanted(
    engine: Engine,
    customer: StripeObject,
    subscription: StripeObject | None,
    params: Mapping[str, Any],
    *,
    at: int,
) -> list[StripeObject]:
    """The discounts that a request names, not redeemed; those that are due if it names none.

    Raises SandboxError.
    """
    if "discounts" not in params or subscription is None:
        return due(engine, customer, subscription, at=at)
    given = discounts.read_for_subscription(engine, subscription, params["discounts"])
    return objects_of(engine, given, customer_id=customer["id"])


def objects_of(
    engine: Engine, found: Iterable[str | discounts.Source], *, customer_id: str
) -> list[StripeObject]:
    """Discounts by id, and unkept ones of new sources."""
    return [
        engine.state.objects[entry]
        if isinstance(entry, str)
        else discounts.build(engine, entry, customer_id=customer_id)
        for entry in found
    ]


def lasting(engine: Engine, found: Iterable[StripeObject]) -> list[StripeObject]:
    """Those that are not for one invoice only."""
    return [row for row in found if not _is_once(engine, row)]


def _is_once(engine: Engine, discount: StripeObject) -> bool:
    notes = engine.state.notes.get(discount["id"])
    if notes is not None:
        return bool(notes["is_once"])
    return bool(engine.state.objects[discount["source"]["coupon"]]["duration"] == "once")


def _coupon(engine: Engine, discount: StripeObject) -> Coupon:
    """As it was when the discount was made; the coupon may have been deleted since."""
    notes = engine.state.notes.get(discount["id"])
    if notes is not None:
        found: Coupon = notes["calculation"]
        return found
    return discounts.calculation(engine, engine.state.objects[discount["source"]["coupon"]])


def apply(engine: Engine, invoice: StripeObject, found: Sequence[StripeObject]) -> None:
    """Take discounts off an invoice's lines; the caller adds up."""
    rows = invoice["lines"]["data"]
    lines = [
        Line(
            amount=row["amount"],
            product=str((row["pricing"].get("price_details") or {}).get("product", "")),
            is_discountable=row["discountable"],
        )
        for row in rows
    ]
    table = discount_amounts(lines, [_coupon(engine, discount) for discount in found])
    for row, *taken in zip(rows, *table, strict=True):
        row["discount_amounts"] = [
            {"amount": amount, "discount": discount["id"]}
            for discount, amount in zip(found, taken, strict=True)
        ]
    invoice["discounts"] = [discount["id"] for discount in found]


def apply_again(engine: Engine, invoice: StripeObject) -> None:
    """The lines of a draft have changed; the caller adds up."""
    apply(engine, invoice, [engine.state.objects[one] for one in invoice["discounts"]])


def use_up(engine: Engine, invoice: StripeObject) -> None:
    """Discounts for one invoice only are gone, if there was anything to take off."""
    rows = invoice["lines"]["data"]
    if not any(row["discountable"] and row["amount"] > 0 for row in rows):
        return
    for discount in [engine.state.objects[one] for one in invoice["discounts"]]:
        if _is_once(engine, discount):
            discounts.forget(engine, discount)


def remember(engine: Engine, items: Iterable[StripeObject], found: Iterable[StripeObject]) -> None:
    """Items were billed with these discounts: their unused time is worth that much less."""
    ids = tuple(discount["id"] for discount in found)
    for item in items:
        engine.state.notes[item["id"]]["discounts"] = ids


def net_amounts(
    engine: Engine,
    items: Sequence[StripeObject],
    found: Sequence[StripeObject],
    *,
    currency: str,
) -> dict[str, int]:
    """What whole periods of these items cost after discounts, by the item's id."""
    lines = [
        Line(
            amount=price_tiers.cost(
                engine, price_currencies.of(engine, item["price"], currency), item["quantity"]
            ),
            product=item["price"]["product"],
        )
        for item in items
    ]
    table = discount_amounts(lines, [_coupon(engine, discount) for discount in found])
    taken = [sum(entries) for entries in zip(*table, strict=True)] or [0] * len(lines)
    return {
        item["id"]: line.amount - off for item, line, off in zip(items, lines, taken, strict=True)
    }


def billed_amount(engine: Engine, subscription: StripeObject, item: StripeObject) -> int:
    """What the running period of an item was billed with, as a whole."""
    ids = _billed_with(engine, item)
    together = [
        other
        for other in subscription["items"]["data"]
        if other["id"] != item["id"] and _billed_with(engine, other) == ids
    ]
    found = [engine.state.objects[discount_id] for discount_id in ids]
    currency = subscription["currency"]
    return net_amounts(engine, [item, *together], found, currency=currency)[item["id"]]


def _billed_with(engine: Engine, item: StripeObject) -> tuple[str, ...]:
    held: tuple[str, ...] = engine.state.notes.get(item["id"], {}).get("discounts", ())
    return held
