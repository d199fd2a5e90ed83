"""Discounts: a coupon redeemed by a customer, a subscription or a checkout.

https://docs.stripe.com/api/discounts
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from ..discounts import Coupon
from ..errors import SandboxError, missing
from ..periods import add_intervals
from ..routes import Call, Operation
from ..state import StripeObject
from . import coupons, price_currencies, price_tiers, promotion_codes

if TYPE_CHECKING:
    from ..engine import Engine

Source = tuple[StripeObject, StripeObject | None]
"""A coupon, and the promotion code by which it came."""


def source(
    engine: Engine,
    given: dict[str, Any],
    *,
    customer_id: str | None,
    currency: str,
    amount: int,
    param: str = "discounts[0]",
) -> Source:
    """The coupon that `{"coupon": …}` or `{"promotion_code": …}` means. Raises SandboxError."""
    promotion = None
    if given.get("promotion_code"):
        promotion = engine.state.get(
            "promotion_code",
            given["promotion_code"],
            param=f"{param}[promotion_code]",
            status=400,
            called="promotion code",
        )
        promotion_codes.check(
            engine, promotion, customer_id=customer_id, currency=currency, amount=amount
        )
        coupon_id = promotion["promotion"]["coupon"]
    else:
        coupon_id = given.get("coupon", "")
    coupon = engine.state.get("coupon", coupon_id, param=f"{param}[coupon]", status=400)
    if not coupon["valid"]:
        raise SandboxError(
            f"Coupon expired: {coupon['id']}", code="coupon_expired", param=f"{param}[coupon]"
        )
    if coupon["currency"] not in {None, currency}:
        raise SandboxError(
            f"The coupon takes {coupon['currency']} off, and this is paid in {currency}.",
            param=f"{param}[coupon]",
        )
    return coupon, promotion


def calculation(engine: Engine, coupon: StripeObject) -> Coupon:
    """A coupon for the pure calculation."""
    percent = coupon["percent_off"]
    return Coupon(
        percent_off=None if percent is None else Decimal(str(percent)),
        amount_off=coupon["amount_off"] or 0,
        products=frozenset(engine.state.notes[coupon["id"]].get("products", [])),
    )


def build(
    engine: Engine,
    found: Source,
    *,
    customer_id: str | None,
    subscription_id: str | None = None,
    session_id: str | None = None,
) -> StripeObject:
    """A discount that is not kept yet, and that does not redeem its coupon."""
    coupon, promotion = found
    months = coupon["duration_in_months"]
    return {
        "id": engine.state.new_id("di_", length=24),
        "object": "discount",
        "checkout_session": session_id,
        "customer": customer_id,
        "customer_account": None,
        "end": add_intervals(engine.now, interval="month", count=months) if months else None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None if promotion is None else promotion["id"],
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": engine.now,
        "subscription": subscription_id,
        "subscription_item": None,
    }


def add(
    engine: Engine,
    found: Source,
    *,
    customer_id: str | None,
    subscription_id: str | None = None,
    session_id: str | None = None,
) -> StripeObject:
    """Redeem a coupon."""
    coupon, promotion = found
    discount = engine.state.add(
        build(
            engine,
            found,
            customer_id=customer_id,
            subscription_id=subscription_id,
            session_id=session_id,
        )
    )
    engine.state.notes[discount["id"]].update(
        calculation=calculation(engine, coupon), is_once=coupon["duration"] == "once"
    )
    if discount["end"]:
        engine.state.at(discount["end"], partial(_expire, engine, discount), about=discount["id"])
    coupons.redeem(engine, coupon)
    if promotion is not None:
        promotion_codes.redeem(engine, promotion)
    if customer_id is not None:
        engine.emit("customer.discount.created", discount)
    return discount


def read(
    engine: Engine,
    given: Any,
    *,
    customer_id: str | None,
    currency: str,
    amount: int,
    held: Sequence[str] = (),
) -> list[str | Source]:
    """What `discounts` means: ids of discounts that are held, and new sources. Raises SandboxError.

    `amount` is what they are to be taken off, for codes that ask for a minimum.
    """
    found: list[str | Source] = []
    for index, entry in enumerate(given or []):
        param = f"discounts[{index}]"
        if not entry.get("discount"):
            added = source(
                engine,
                entry,
                customer_id=customer_id,
                currency=currency,
                amount=amount,
                param=param,
            )
            found.append(added)
        elif entry["discount"] in held:
            found.append(entry["discount"])
        else:
            raise missing("discount", entry["discount"], param=f"{param}[discount]", status=400)
    return found


def read_for_subscription(
    engine: Engine, subscription: StripeObject, given: Any
) -> list[str | Source]:
    """What a subscription's `discounts` means. Raises SandboxError."""
    items = subscription["items"]["data"]
    return read(
        engine,
        given,
        customer_id=subscription["customer"],
        currency=subscription["currency"],
        amount=sum(
            price_tiers.cost(
                engine,
                price_currencies.of(engine, item["price"], subscription["currency"]),
                item["quantity"],
            )
            for item in items
        ),
        held=[*subscription["discounts"], *_of_customer(engine, subscription)],
    )


def _of_customer(engine: Engine, subscription: StripeObject) -> list[str]:
    """A subscription may take over its customer's discount, which it would displace."""
    discount = engine.state.objects[subscription["customer"]]["discount"]
    return [] if discount is None else [discount["id"]]


def set_on_subscription(engine: Engine, subscription: StripeObject, given: Any) -> None:
    """A subscription's `discounts`: '' takes them away, `{"discount": id}` keeps one it has."""
    found = read_for_subscription(engine, subscription, given)
    for discount_id in subscription["discounts"]:
        if discount_id not in found:
            end(engine, engine.state.objects[discount_id])
    owner = {"customer_id": subscription["customer"], "subscription_id": subscription["id"]}
    subscription["discounts"] = [
        entry
        if isinstance(entry, str) and entry in subscription["discounts"]
        else add(engine, _source_of(engine, entry), **owner)["id"]
        for entry in found
    ]


def _source_of(engine: Engine, entry: str | Source) -> Source:
    """What a new discount comes from; a customer's is taken over with the coupon it has."""
    if not isinstance(entry, str):
        return entry
    held = engine.state.objects[entry]
    coupon_id = held["source"]["coupon"]
    coupon = engine.state.get("coupon", coupon_id, param="discounts", status=400)
    return coupon, engine.state.objects.get(held["promotion_code"] or "")


def set_on_customer(engine: Engine, customer: StripeObject, given: str) -> None:
    """A customer's discount, from a coupon id; '' takes it away."""
    old = customer["discount"]
    if not given:
        if old is not None:
            customer["discount"] = None
            end(engine, old)
        return
    coupon = engine.state.get("coupon", given, param="coupon", status=400)
    if not coupon["valid"]:
        raise SandboxError(f"Coupon expired: {given}", code="coupon_expired", param="coupon")
    if old is None:
        customer["discount"] = add(engine, (coupon, None), customer_id=customer["id"])
        return
    with engine.changing(old, "customer.discount.updated"):
        old["source"] = {"coupon": coupon["id"], "type": "coupon"}
        old["start"] = engine.now
    engine.state.notes[old["id"]].update(
        calculation=calculation(engine, coupon), is_once=coupon["duration"] == "once"
    )
    coupons.redeem(engine, coupon)


def end(engine: Engine, discount: StripeObject) -> None:
    """It takes nothing off any more; invoices that name it still show it when it is expanded."""
    engine.emit("customer.discount.deleted", discount)


def _expire(engine: Engine, discount: StripeObject) -> None:
    """Its months are over."""
    subscription = engine.state.objects.get(discount["subscription"] or "")
    if subscription is None:
        forget(engine, discount)
        return
    with engine.changing(subscription, "customer.subscription.updated"):
        forget(engine, discount)


def forget(engine: Engine, discount: StripeObject) -> None:
    """Take a discount from whoever has it."""
    subscription = engine.state.objects.get(discount["subscription"] or "")
    customer = engine.state.objects.get(discount["customer"] or "")
    if subscription is not None and discount["id"] in subscription["discounts"]:
        subscription["discounts"] = [
            kept for kept in subscription["discounts"] if kept != discount["id"]
        ]
        end(engine, discount)
    elif customer is not None and customer["discount"] is discount:
        customer["discount"] = None
        end(engine, discount)


def delete_of_customer(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    return _deleted(call.engine, customer["discount"])


def delete_of_subscription(call: Call) -> StripeObject:
    subscription = call.engine.state.get("subscription", call.ids[0])
    held = subscription["discounts"]
    found = call.engine.state.objects[held[0]] if held else None
    return _deleted(call.engine, found)


def _deleted(engine: Engine, discount: StripeObject | None) -> StripeObject:
    if discount is None:
        raise SandboxError(
            "No active discount.", status=404, code="resource_missing", param="discount"
        )
    forget(engine, discount)
    return {**discount, "deleted": True}


OPERATIONS: dict[str, Operation] = {
    "DELETE /v1/customers/{id}/discount": delete_of_customer,
    "DELETE /v1/subscriptions/{id}/discount": delete_of_subscription,
}
