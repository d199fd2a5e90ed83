"""Customer portal sessions. https://docs.stripe.com/api/customer_portal/sessions"""

from __future__ import annotations

from typing import Any

from ..errors import SandboxError
from ..routes import Call, Operation
from ..state import StripeObject

CONFIGURATION = "bpc_sandbox"


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    if "customer" not in params:
        raise SandboxError(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    customer = engine.state.get("customer", params["customer"], param="customer", status=400)
    url = params.get("return_url")
    if url is not None and not url.startswith(("http://", "https://")):
        raise SandboxError("Not a valid URL", code="url_invalid", param="return_url")
    secret = engine.state.new_id("", length=32)
    session = engine.state.add(
        {
            "id": engine.state.new_id("bps_", length=24),
            "object": "billing_portal.session",
            "configuration": params.get("configuration", CONFIGURATION),
            "created": engine.now,
            "customer": customer["id"],
            "customer_account": None,
            "flow": _flow(params.get("flow_data")),
            "livemode": False,
            "locale": params.get("locale"),
            "on_behalf_of": params.get("on_behalf_of"),
            "return_url": url,
            "url": f"{engine.base_url}/p/session/{secret}",
        }
    )
    engine.state.notes[session["id"]]["secret"] = secret
    engine.emit("billing_portal.session.created", session)
    return session


def _flow(given: dict[str, Any] | None) -> StripeObject | None:
    if given is None:
        return None
    after = given.get("after_completion") or {"type": "portal_homepage"}
    kinds = ("subscription_cancel", "subscription_update", "subscription_update_confirm")
    return {
        "after_completion": {
            "hosted_confirmation": after.get("hosted_confirmation"),
            "redirect": after.get("redirect"),
            "type": after["type"],
        },
        **{kind: given.get(kind) for kind in kinds},
        "type": given["type"],
    }


OPERATIONS: dict[str, Operation] = {"POST /v1/billing_portal/sessions": create}
