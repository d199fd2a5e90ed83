"""Plans: recurring prices by their older name. https://docs.stripe.com/api/plans"""

from __future__ import annotations

from typing import Any

from ..errors import SandboxError, missing
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import prices

SAME = ("active", "billing_scheme", "currency", "id", "metadata", "nickname", "tiers", "tiers_mode")
RECURRING = ("interval", "interval_count", "meter", "trial_period_days", "usage_type")


def create(call: Call) -> StripeObject:
    params, state = call.params, call.engine.state
    if params.get("id") in state.objects:
        raise SandboxError("Plan already exists.", code="resource_already_exists", param="id")
    wanted: dict[str, Any] = {name: params[name] for name in SAME if name in params}
    wanted["recurring"] = {name: params[name] for name in RECURRING if name in params}
    for name, given in (("unit_amount", "amount"), ("unit_amount_decimal", "amount_decimal")):
        if given in params:
            wanted[name] = params[given]
    if "transform_usage" in params:
        wanted["transform_quantity"] = params["transform_usage"]
    product = params.get("product")
    wanted["product_data" if isinstance(product, dict) else "product"] = product or ""
    plan = prices.plan_of(prices.add(call, wanted))
    call.engine.emit("plan.created", plan)
    return plan


def _price(call: Call) -> StripeObject:
    price = call.engine.state.get("price", call.ids[0], called="plan")
    if not _is_plan(call, price):
        raise missing("plan", price["id"])
    return price


def _is_plan(call: Call, price: StripeObject) -> bool:
    is_deleted = call.engine.state.notes[price["id"]].get("is_deleted", False)
    return price["recurring"] is not None and not is_deleted


def retrieve(call: Call) -> StripeObject:
    return prices.plan_of(_price(call))


def update(call: Call) -> StripeObject:
    _price(call)
    return prices.plan_of(prices.update(call))


def delete(call: Call) -> StripeObject:
    """Nobody can subscribe to it any more; who does, goes on."""
    price = _price(call)
    price["active"] = False
    call.engine.state.notes[price["id"]]["is_deleted"] = True
    call.engine.emit("plan.deleted", prices.plan_of(price))
    call.engine.emit("price.deleted", price)
    return {"id": price["id"], "object": "plan", "deleted": True}


def index(call: Call) -> StripeObject:
    rows = (
        prices.plan_of(price)
        for price in call.engine.state.all("price")
        if _is_plan(call, price)
        and equal(call.params, price, "active", "product")
        and created_in(call.params, "created", price["created"])
    )
    return paginate(rows, call.params, url="/v1/plans")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/plans": index,
    "POST /v1/plans": create,
    "GET /v1/plans/{id}": retrieve,
    "POST /v1/plans/{id}": update,
    "DELETE /v1/plans/{id}": delete,
}
