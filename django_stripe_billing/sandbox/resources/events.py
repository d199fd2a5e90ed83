"""Events. https://docs.stripe.com/api/events"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from ..lists import created_in, paginate
from ..routes import Call, Operation
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine


def build_event(
    engine: Engine,
    event_type: str,
    obj: StripeObject,
    *,
    previous: StripeObject | None,
    request_id: str | None,
    idempotency_key: str | None,
) -> StripeObject:
    """A new event, kept in the state."""
    data: dict[str, Any] = {"object": obj}
    if previous is not None:
        data["previous_attributes"] = previous
    whose = {"account": engine.account} if engine.account else {}
    return engine.state.add(
        {
            "id": engine.state.new_id("evt_"),
            "object": "event",
            **whose,
            "api_version": engine.api_version,
            "created": engine.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": request_id, "idempotency_key": idempotency_key},
            "type": event_type,
        }
    )


def difference(before: StripeObject, after: StripeObject) -> StripeObject:
    """`previous_attributes`: the old values of what changed; lists whole, hashes by key."""
    changed: StripeObject = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and new.get("object") != "list":
            changed[key] = difference(old, new)
        else:
            changed[key] = old
    return changed


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("event", call.ids[0])


def index(call: Call) -> StripeObject:
    wanted = [call.params["type"]] if "type" in call.params else call.params.get("types")
    rows = (
        event
        for event in call.engine.state.all("event")
        if created_in(call.params, "created", event["created"])
        and (not wanted or any(fnmatch.fnmatchcase(event["type"], entry) for entry in wanted))
        and (
            "delivery_success" not in call.params
            or (event["pending_webhooks"] == 0) is call.params["delivery_success"]
        )
    )
    return paginate(rows, call.params, url="/v1/events")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/events": index,
    "GET /v1/events/{id}": retrieve,
}
