"""Configurations of the customer portal: kept and shown; the page offers everything.

https://docs.stripe.com/api/customer_portal/configurations
"""

from __future__ import annotations

import copy
from typing import Any

from ..lists import equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import merged, take

FEATURES: dict[str, Any] = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": False},
    "payment_method_update": {"enabled": False, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": False, "options": []},
        "enabled": False,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": [],
        "enabled": False,
        "proration_behavior": "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}
PROFILE = ("headline", "privacy_policy_url", "terms_of_service_url")


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    profile = params.get("business_profile") or {}
    features = copy.deepcopy(FEATURES)
    _merge(features, params["features"])
    found = engine.state.add(
        {
            "id": engine.state.new_id("bpc_", length=24),
            "object": "billing_portal.configuration",
            "active": True,
            "application": None,
            "business_profile": {name: profile.get(name) for name in PROFILE},
            "created": engine.now,
            "default_return_url": params.get("default_return_url"),
            "features": features,
            "is_default": not engine.state.by_kind["billing_portal.configuration"],
            "livemode": False,
            "login_page": {"enabled": False, "url": None},
            "metadata": merged({}, params.get("metadata", {})),
            "name": params.get("name"),
            "updated": engine.now,
        }
    )
    engine.emit("billing_portal.configuration.created", found)
    return found


def _merge(into: dict[str, Any], given: dict[str, Any]) -> None:
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def update(call: Call) -> StripeObject:
    found = retrieve(call)
    with call.engine.changing(found, "billing_portal.configuration.updated"):
        take(found, call.params, "active", "default_return_url", "name")
        for name in ("business_profile", "features"):
            if call.params.get(name):
                changed = copy.deepcopy(found[name])
                _merge(changed, call.params[name])
                found[name] = changed
    return found


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("billing_portal.configuration", call.ids[0])


def index(call: Call) -> StripeObject:
    rows = (
        found
        for found in call.engine.state.all("billing_portal.configuration")
        if equal(call.params, found, "active", "is_default")
    )
    return paginate(rows, call.params, url="/v1/billing_portal/configurations")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/billing_portal/configurations": index,
    "POST /v1/billing_portal/configurations": create,
    "GET /v1/billing_portal/configurations/{id}": retrieve,
    "POST /v1/billing_portal/configurations/{id}": update,
}
