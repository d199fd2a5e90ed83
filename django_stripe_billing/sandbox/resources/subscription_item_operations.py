"""Subscription items by themselves: each change is an update of their subscription.

https://docs.stripe.com/api/subscription_items
"""

from __future__ import annotations

from typing import Any

from ..errors import missing
from ..lists import paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .subscription_changes import change

OF_ITEM = {
    "metadata",
    "price",
    "price_data",
    "plan",
    "quantity",
    "deleted",
    "discounts",
    "tax_rates",
}
OF_SUBSCRIPTION = {"payment_behavior", "proration_behavior", "proration_date", "off_session"}


def _owner(call: Call) -> StripeObject:
    for subscription in call.engine.state.all("subscription"):
        if any(item["id"] == call.ids[0] for item in subscription["items"]["data"]):
            return subscription
    raise missing("subscription_item", call.ids[0])


def _change(call: Call, subscription: StripeObject, entry: dict[str, Any]) -> None:
    params = {name: call.params[name] for name in OF_SUBSCRIPTION if name in call.params}
    change(call.engine, subscription, {**params, "items": [entry]})


def create(call: Call) -> StripeObject:
    subscription = call.engine.state.get(
        "subscription", call.params["subscription"], param="subscription", status=400
    )
    entry = {name: call.params[name] for name in OF_ITEM if name in call.params}
    _change(call, subscription, entry)
    found: StripeObject = subscription["items"]["data"][-1]
    return found


def retrieve(call: Call) -> StripeObject:
    items = _owner(call)["items"]["data"]
    found: StripeObject = next(item for item in items if item["id"] == call.ids[0])
    return found


def update(call: Call) -> StripeObject:
    entry = {name: call.params[name] for name in OF_ITEM if name in call.params}
    _change(call, _owner(call), {"id": call.ids[0], **entry})
    return retrieve(call)


def delete(call: Call) -> StripeObject:
    _change(call, _owner(call), {"id": call.ids[0], "deleted": True})
    return {"id": call.ids[0], "object": "subscription_item", "deleted": True}


def index(call: Call) -> StripeObject:
    wanted = call.params["subscription"]
    subscription = call.engine.state.get("subscription", wanted, param="subscription", status=400)
    rows = reversed(subscription["items"]["data"])
    return paginate(rows, call.params, url="/v1/subscription_items")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/subscription_items": index,
    "POST /v1/subscription_items": create,
    "GET /v1/subscription_items/{id}": retrieve,
    "POST /v1/subscription_items/{id}": update,
    "DELETE /v1/subscription_items/{id}": delete,
}
