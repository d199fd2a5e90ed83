"""Products. https://docs.stripe.com/api/products"""

from __future__ import annotations

from typing import Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import prices
from .metadata import merged, take

FIELDS = (
    "active",
    "default_price",
    "description",
    "images",
    "name",
    "package_dimensions",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
)


def create(call: Call) -> StripeObject:
    state, params = call.engine.state, call.params
    product_id = params.get("id") or state.new_id("prod_")
    if product_id in state.objects or product_id in state.deleted:
        raise SandboxError(
            f"Product already exists: {product_id}.", code="resource_already_exists", param="id"
        )
    product = build(call, product_id, params)
    state.add(product)
    call.engine.emit("product.created", product)
    if "default_price_data" in params:
        data = {**params["default_price_data"], "product": product_id}
        with call.engine.changing(product, "product.updated"):
            product["default_price"] = prices.add(call, data)["id"]
    return product


def build(call: Call, product_id: str, params: dict[str, Any]) -> StripeObject:
    return {
        "id": product_id,
        "object": "product",
        "active": params.get("active", True),
        "created": call.engine.now,
        "default_price": None,
        "description": params.get("description") or None,
        "images": params.get("images") or [],
        "livemode": False,
        "marketing_features": params.get("marketing_features") or [],
        "metadata": merged({}, params.get("metadata", {})),
        "name": params["name"],
        "package_dimensions": params.get("package_dimensions"),
        "shippable": params.get("shippable"),
        "statement_descriptor": params.get("statement_descriptor"),
        "tax_code": params.get("tax_code"),
        "type": params.get("type", "service"),
        "unit_label": params.get("unit_label"),
        "updated": call.engine.now,
        "url": params.get("url"),
    }


def update(call: Call) -> StripeObject:
    product = call.engine.state.get("product", call.ids[0])
    if call.params.get("default_price"):
        price = call.engine.state.get(
            "price", call.params["default_price"], param="default_price", status=400
        )
        if price["product"] != product["id"]:
            raise SandboxError("The price belongs to another product.", param="default_price")
    with call.engine.changing(product, "product.updated"):
        take(product, call.params, *FIELDS)
        if "marketing_features" in call.params:
            product["marketing_features"] = call.params["marketing_features"] or []
        if call.params:
            product["updated"] = call.engine.now
    return product


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("product", call.ids[0])


def delete(call: Call) -> StripeObject:
    state = call.engine.state
    product = state.get("product", call.ids[0])
    if any(price["product"] == product["id"] for price in state.all("price")):
        raise SandboxError(
            "This product cannot be deleted because it has one or more user-created prices.",
        )
    state.remove(product)
    call.engine.emit("product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


def index(call: Call) -> StripeObject:
    wanted = call.params.get("ids")
    rows = (
        product
        for product in call.engine.state.all("product")
        if equal(call.params, product, "active", "url", "shippable")
        and created_in(call.params, "created", product["created"])
        and (not wanted or product["id"] in wanted)
    )
    return paginate(rows, call.params, url="/v1/products")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/products": index,
    "POST /v1/products": create,
    "GET /v1/products/{id}": retrieve,
    "POST /v1/products/{id}": update,
    "DELETE /v1/products/{id}": delete,
}
