"""Entitlement features. https://docs.stripe.com/api/entitlements/feature"""

from __future__ import annotations

from ..errors import SandboxError
from ..lists import equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import merged, take


def create(call: Call) -> StripeObject:
    key = call.params["lookup_key"]
    if len(key) > 80:
        raise SandboxError("Lookup keys have at most 80 characters.", param="lookup_key")
    for feature in call.engine.state.all("entitlements.feature"):
        if feature["lookup_key"] == key and feature["active"]:
            raise SandboxError(
                f"A feature with the lookup key '{key}' already exists.",
                code="resource_already_exists",
                param="lookup_key",
            )
    return call.engine.state.add(
        {
            "id": call.engine.state.new_id("feat_test_", length=32),
            "object": "entitlements.feature",
            "active": True,
            "livemode": False,
            "lookup_key": key,
            "metadata": merged({}, call.params.get("metadata", {})),
            "name": call.params["name"],
        }
    )


def update(call: Call) -> StripeObject:
    feature = retrieve(call)
    if call.params.get("active") and not feature["active"]:
        raise SandboxError("An archived feature can't be made active again.", param="active")
    take(feature, call.params, "active", "name")
    return feature


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("entitlements.feature", call.ids[0])


def index(call: Call) -> StripeObject:
    archived = call.params.get("archived")
    rows = (
        feature
        for feature in call.engine.state.all("entitlements.feature")
        if equal(call.params, feature, "lookup_key")
        and (archived is None or feature["active"] is not archived)
    )
    return paginate(rows, call.params, url="/v1/entitlements/features")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/entitlements/features": index,
    "POST /v1/entitlements/features": create,
    "GET /v1/entitlements/features/{id}": retrieve,
    "POST /v1/entitlements/features/{id}": update,
}
