"""Features attached to products. https://docs.stripe.com/api/product-feature"""

from __future__ import annotations

from ..errors import SandboxError, missing
from ..lists import paginate
from ..routes import Call, Operation
from ..state import StripeObject


def create(call: Call) -> StripeObject:
    state = call.engine.state
    product = state.get("product", call.ids[0])
    feature = state.get(
        "entitlements.feature",
        call.params["entitlement_feature"],
        param="entitlement_feature",
        status=400,
    )
    if feature["id"] in feature_ids(call, product["id"]):
        raise SandboxError(
            "This feature is attached to the product already.", param="entitlement_feature"
        )
    link = state.add(
        {
            "id": state.new_id("prodft_"),
            "object": "product_feature",
            "entitlement_feature": feature,
            "livemode": False,
        }
    )
    state.notes[link["id"]]["product"] = product["id"]
    return link


def feature_ids(call: Call, product_id: str) -> list[str]:
    """The features of a product, by id."""
    return [link["entitlement_feature"]["id"] for link in _links(call, product_id)]


def retrieve(call: Call) -> StripeObject:
    call.engine.state.get("product", call.ids[0])
    for link in _links(call, call.ids[0]):
        if link["id"] == call.ids[1]:
            return link
    raise missing("product feature", call.ids[1])


def delete(call: Call) -> StripeObject:
    link = retrieve(call)
    call.engine.state.remove(link)
    return {"id": link["id"], "object": "product_feature", "deleted": True}


def index(call: Call) -> StripeObject:
    product = call.engine.state.get("product", call.ids[0])
    url = f"/v1/products/{product['id']}/features"
    return paginate(_links(call, product["id"]), call.params, url=url)


def _links(call: Call, product_id: str) -> list[StripeObject]:
    state = call.engine.state
    return [
        link
        for link in state.all("product_feature")
        if state.notes[link["id"]]["product"] == product_id
    ]


OPERATIONS: dict[str, Operation] = {
    "GET /v1/products/{id}/features": index,
    "POST /v1/products/{id}/features": create,
    "GET /v1/products/{id}/features/{id}": retrieve,
    "DELETE /v1/products/{id}/features/{id}": delete,
}
