"""What a customer may use, as Stripe derives it: from the features that a product had when the
current period began. https://docs.stripe.com/billing/entitlements"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import missing
from ..lists import paginate
from ..routes import Call, Operation
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine

STATUSES = {"active", "trialing", "past_due", "paused"}
"""`paused` keeps what there was: reported so, and tests must not lean on Stripe's own list."""
SUMMARY_MOST = 10


def take_features(engine: Engine, subscription: StripeObject) -> None:
    """Note what the products of a subscription include now: its period has begun, or it changed."""
    products = {item["price"]["product"] for item in subscription["items"]["data"]}
    engine.state.notes[subscription["id"]]["features"] = [
        link["entitlement_feature"]["id"]
        for link in engine.state.all("product_feature")
        if engine.state.notes[link["id"]]["product"] in products
    ]


def refresh(engine: Engine, customer_id: str) -> None:
    """Make the customer's entitlements anew, and tell of a change."""
    state = engine.state
    wanted: list[str] = []
    for subscription_id in state.subscriptions_of[customer_id]:
        if state.objects[subscription_id]["status"] in STATUSES:
            wanted += state.notes[subscription_id].get("features", [])
    notes = state.notes[customer_id]
    held: dict[str, StripeObject] = notes.setdefault("entitlements", {})
    if list(dict.fromkeys(wanted)) == list(held):
        return
    notes["entitlements"] = {
        feature_id: held.get(feature_id) or _build(engine, feature_id)
        for feature_id in dict.fromkeys(wanted)
    }
    rows = list(notes["entitlements"].values())
    engine.emit(
        "entitlements.active_entitlement_summary.updated",
        {
            "object": "entitlements.active_entitlement_summary",
            "customer": customer_id,
            "entitlements": {
                "object": "list",
                "data": rows[:SUMMARY_MOST],
                "has_more": len(rows) > SUMMARY_MOST,
                "url": f"/v1/customer/{customer_id}/entitlements",
            },
            "livemode": False,
        },
        previous={},
    )


def _build(engine: Engine, feature_id: str) -> StripeObject:
    feature = engine.state.objects[feature_id]
    return {
        "id": engine.state.new_id("ent_test_", length=32),
        "object": "entitlements.active_entitlement",
        "feature": feature_id,
        "livemode": False,
        "lookup_key": feature["lookup_key"],
    }


def index(call: Call) -> StripeObject:
    state = call.engine.state
    customer = state.get("customer", call.params["customer"], param="customer", status=400)
    rows = list(state.notes[customer["id"]].get("entitlements", {}).values())
    return paginate(rows, call.params, url="/v1/entitlements/active_entitlements")


def retrieve(call: Call) -> StripeObject:
    for customer in call.engine.state.all("customer"):
        for row in call.engine.state.notes[customer["id"]].get("entitlements", {}).values():
            if row["id"] == call.ids[0]:
                found: StripeObject = row
                return found
    raise missing("active entitlement", call.ids[0])


OPERATIONS: dict[str, Operation] = {
    "GET /v1/entitlements/active_entitlements": index,
    "GET /v1/entitlements/active_entitlements/{id}": retrieve,
}
