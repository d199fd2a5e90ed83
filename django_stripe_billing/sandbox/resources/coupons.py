"""Coupons. https://docs.stripe.com/api/coupons"""

from __future__ import annotations

import string
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

READABLE = string.ascii_uppercase + string.digits


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    _check(engine, params)
    coupon_id = params.get("id") or engine.state.new_id("", length=8, alphabet=READABLE)
    percent = params.get("percent_off")
    duration = params.get("duration", "once")
    coupon = engine.state.add(
        {
            "id": coupon_id,
            "object": "coupon",
            "amount_off": params.get("amount_off"),
            "created": engine.now,
            "currency": params["currency"].lower() if "currency" in params else None,
            "duration": duration,
            "duration_in_months": params.get("duration_in_months"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": merged({}, params.get("metadata", {})),
            "name": params.get("name"),
            "percent_off": None if percent is None else float(percent),
            "redeem_by": params.get("redeem_by"),
            "times_redeemed": 0,
            "valid": True,
        }
    )
    notes = engine.state.notes[coupon_id]
    notes["products"] = list((params.get("applies_to") or {}).get("products") or [])
    if coupon["redeem_by"]:
        engine.state.at(coupon["redeem_by"], partial(refresh, engine, coupon))
    engine.emit("coupon.created", coupon)
    return coupon


def _check(engine: Engine, params: dict[str, Any]) -> None:
    if ("percent_off" in params) == ("amount_off" in params):
        raise SandboxError(
            "You must pass exactly one of percent_off or amount_off.", param="percent_off"
        )
    if "percent_off" in params and not 0 < float(params["percent_off"]) <= 100:
        raise SandboxError("percent_off must be above 0 and at most 100.", param="percent_off")
    if "amount_off" in params:
        if params["amount_off"] < 1:
            raise SandboxError("Invalid positive integer", param="amount_off")
        if "currency" not in params:
            raise SandboxError("You must pass currency when passing amount_off", param="currency")
    if (params.get("duration") == "repeating") != ("duration_in_months" in params):
        raise SandboxError(
            "duration_in_months is needed for a repeating coupon, and for no other.",
            param="duration_in_months",
        )
    if params.get("redeem_by", engine.now + 1) <= engine.now:
        raise SandboxError("redeem_by must be in the future.", param="redeem_by")
    if params.get("max_redemptions", 1) < 1:
        raise SandboxError("Invalid positive integer", param="max_redemptions")
    if params.get("id") in engine.state.objects:
        raise SandboxError("Coupon already exists.", code="resource_already_exists", param="id")
    for index, product in enumerate((params.get("applies_to") or {}).get("products") or []):
        at = f"applies_to[products][{index}]"
        engine.state.get("product", product, param=at, status=400)


def refresh(engine: Engine, coupon: StripeObject) -> None:
    """Whether it can still be redeemed: by its date and its number of redemptions."""
    is_late = coupon["redeem_by"] is not None and engine.now >= coupon["redeem_by"]
    most = coupon["max_redemptions"]
    coupon["valid"] = not is_late and (most is None or coupon["times_redeemed"] < most)


def redeem(engine: Engine, coupon: StripeObject) -> None:
    coupon["times_redeemed"] += 1
    refresh(engine, coupon)


def applies_to(engine: Engine, coupon: StripeObject) -> StripeObject | None:
    """What `expand[]=applies_to` shows."""
    return {"products": list(engine.state.notes[coupon["id"]].get("products", []))}


def update(call: Call) -> StripeObject:
    coupon = retrieve(call)
    with call.engine.changing(coupon, "coupon.updated"):
        take(coupon, call.params, "name")
    return coupon


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("coupon", call.ids[0], param="coupon")


def delete(call: Call) -> StripeObject:
    """Whoever has it keeps the discount."""
    coupon = retrieve(call)
    answer = {"id": coupon["id"], "object": "coupon", "deleted": True}
    call.engine.state.remove(coupon)
    coupon["valid"] = False
    call.engine.emit("coupon.deleted", coupon)
    return answer


def index(call: Call) -> StripeObject:
    rows = (
        coupon
        for coupon in call.engine.state.all("coupon")
        if created_in(call.params, "created", coupon["created"])
    )
    return paginate(rows, call.params, url="/v1/coupons")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/coupons": index,
    "POST /v1/coupons": create,
    "GET /v1/coupons/{id}": retrieve,
    "POST /v1/coupons/{id}": update,
    "DELETE /v1/coupons/{id}": delete,
}
