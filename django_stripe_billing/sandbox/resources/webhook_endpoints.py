"""Webhook endpoints. https://docs.stripe.com/api/webhook_endpoints"""

from __future__ import annotations

from typing import Any

from ..errors import SandboxError
from ..lists import paginate
from ..routes import Call, Operation
from ..state import State, StripeObject
from .metadata import merged, take

MOST = 16


def create(call: Call) -> StripeObject:
    """The only answer that shows the secret."""
    engine, params = call.engine, call.params
    _check(params)
    version = params.get("api_version")
    if version not in {None, engine.api_version}:
        raise SandboxError(
            f"The sandbox writes events in {engine.api_version} only.", param="api_version"
        )
    if len(engine.state.by_kind["webhook_endpoint"]) >= MOST:
        raise SandboxError(f"You have reached the maximum of {MOST} webhook endpoints.")
    endpoint = engine.state.add(
        {
            "id": engine.state.new_id("we_", length=24),
            "object": "webhook_endpoint",
            "api_version": version,
            "application": None,
            "created": engine.now,
            "description": params.get("description") or None,
            "enabled_events": list(params["enabled_events"]),
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "status": "enabled",
            "url": params["url"],
        }
    )
    secret = engine.state.new_id("whsec_", length=32)
    is_connect = params.get("connect") in {True, "true"}
    engine.state.notes[endpoint["id"]].update(secret=secret, is_connect=is_connect)
    return {**endpoint, "secret": secret}


def _check(params: dict[str, Any]) -> None:
    url = params.get("url", "http://")
    if not url.startswith(("http://", "https://")) or len(url) > 2048:
        raise SandboxError("Invalid URL: it must begin with https://.", param="url")
    events = params.get("enabled_events")
    if events is not None and not events:
        raise SandboxError("Name at least one event.", param="enabled_events")
    if events and "*" in events and len(events) > 1:
        raise SandboxError(
            "You must provide either * or a list of event types.", param="enabled_events"
        )


def wants(state: State, endpoint: StripeObject, event: StripeObject) -> bool:
    """Whether an endpoint is sent an event: by its types, and by whose event it is."""
    is_connected = "account" in event
    events = endpoint["enabled_events"]
    return (
        endpoint["status"] == "enabled"
        and is_connected is state.notes[endpoint["id"]]["is_connect"]
        and ("*" in events or event["type"] in events)
    )


def update(call: Call) -> StripeObject:
    endpoint, params = retrieve(call), call.params
    _check(params)
    take(endpoint, params, "description", "url")
    if "enabled_events" in params:
        endpoint["enabled_events"] = list(params["enabled_events"])
    if "disabled" in params:
        is_disabled = params["disabled"] in {True, "true"}
        endpoint["status"] = "disabled" if is_disabled else "enabled"
    return endpoint


def delete(call: Call) -> StripeObject:
    endpoint = retrieve(call)
    call.engine.state.remove(endpoint)
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("webhook_endpoint", call.ids[0])


def index(call: Call) -> StripeObject:
    rows = call.engine.state.all("webhook_endpoint")
    return paginate(rows, call.params, url="/v1/webhook_endpoints")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/webhook_endpoints": index,
    "POST /v1/webhook_endpoints": create,
    "GET /v1/webhook_endpoints/{id}": retrieve,
    "POST /v1/webhook_endpoints/{id}": update,
    "DELETE /v1/webhook_endpoints/{id}": delete,
}
