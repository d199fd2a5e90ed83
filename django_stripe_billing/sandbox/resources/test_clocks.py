"""Test clocks: time that is moved for some customers only.

https://docs.stripe.com/api/test_clocks
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import paginate
from ..periods import DAY, add_intervals
from ..routes import Call, Operation
from ..state import State, StripeObject

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "test_helpers.test_clock"
MOST_CUSTOMERS = 3
MOST_SUBSCRIPTIONS = 3
"""Per customer. https://docs.stripe.com/billing/testing/test-clocks"""
KEPT_DAYS = 7
INTERVALS = 2
"""How many intervals of its shortest subscription a clock may be advanced at once."""
YEARS = 2
"""How far a clock without a subscription may be advanced at once."""


def named_by(state: State, ids: tuple[str, ...], params: dict[str, Any]) -> str | None:
    """The test clock of the objects that a request names; metadata names nothing."""
    if params.get("test_clock") in state.objects:
        return str(params["test_clock"])
    named = {key: value for key, value in params.items() if key != "metadata"}
    for object_id in [*ids, *_strings(named)]:
        if object_id in state.clock_of:
            return state.clock_of[object_id]
        if object_id.startswith("si_"):
            return _of_item(state, object_id)
    return None


def _of_item(state: State, item_id: str) -> str | None:
    """The clock of the subscription that an item belongs to."""
    for subscription in state.all("subscription"):
        if any(item["id"] == item_id for item in subscription["items"]["data"]):
            return state.clock_of.get(subscription["id"])
    return None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry)


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    with engine.on_clock(None):
        clock = engine.state.add(
            {
                "id": engine.state.new_id("clock_", length=24),
                "object": KIND,
                "created": engine.now,
                "deletes_after": engine.now + KEPT_DAYS * DAY,
                "frozen_time": params["frozen_time"],
                "livemode": False,
                "name": params.get("name"),
                "status": "ready",
                "status_details": {},
            }
        )
        if "customer" in params:
            try:
                _attach(engine, clock, params["customer"])
            except SandboxError:
                engine.state.remove(clock)
                raise
        engine.state.at(clock["deletes_after"], partial(_delete_by_itself, engine, clock["id"]))
    _tell(engine, clock, "created")
    return clock


def _attach(engine: Engine, clock: StripeObject, customer_id: str) -> None:
    """Hang an existing customer and what it has on a clock; there is no way back."""
    state = engine.state
    customer = state.get("customer", customer_id, param="customer", status=400)
    if customer["test_clock"] is not None:
        raise SandboxError("This customer is already attached to a test clock.", param="customer")
    if clock["frozen_time"] < engine.now:
        raise SandboxError(
            "A test clock for an existing customer can't be in the past.", param="frozen_time"
        )
    for obj in list(state.objects.values()):
        if obj["object"] != "event" and customer_id in {obj["id"], obj.get("customer")}:
            state.hang(obj, clock["id"])
    state.move_due(to=clock["id"])


def advance(call: Call) -> StripeObject:
    """Answers `advancing`; the clock is ready by the next request or tick."""
    clock = retrieve(call)
    target = call.params["frozen_time"]
    if clock["status"] != "ready":
        raise SandboxError(
            "Test clock advancement underway - cannot perform modifications.", status=429
        )
    if target <= clock["frozen_time"]:
        raise SandboxError(
            "The frozen_time of a test clock must be later than its current frozen_time.",
            param="frozen_time",
        )
    if target > _farthest(call.engine, clock):
        raise SandboxError(
            f"A test clock can be advanced by at most {INTERVALS} intervals of its shortest"
            f" subscription, or by {YEARS} years if it has none.",
            param="frozen_time",
        )
    clock["status"] = "advancing"
    clock["status_details"] = {"advancing": {"target_frozen_time": target}}
    _tell(call.engine, clock, "advancing")
    return clock


def _farthest(engine: Engine, clock: StripeObject) -> int:
    start = clock["frozen_time"]
    ends = [
        add_intervals(
            start,
            interval=item["price"]["recurring"]["interval"],
            count=INTERVALS * item["price"]["recurring"]["interval_count"],
        )
        for subscription in engine.state.all("subscription")
        if subscription["test_clock"] == clock["id"] and subscription["ended_at"] is None
        for item in subscription["items"]["data"]
    ]
    return min(ends, default=add_intervals(start, interval="year", count=YEARS))


def finish_advancing(engine: Engine) -> None:
    """Walk every advancing clock to its target."""
    for clock in list(engine.state.all(KIND)):
        if clock["status"] != "advancing":
            continue
        target = clock["status_details"]["advancing"]["target_frozen_time"]
        engine.walk(clock["id"], until=target)
        clock.update(frozen_time=target, status="ready", status_details={})
        _tell(engine, clock, "ready")


def _tell(engine: Engine, clock: StripeObject, what: str) -> None:
    with engine.on_clock(clock["id"]):
        engine.emit(f"{KIND}.{what}", clock)


def check_room(engine: Engine, kind: str, *, customer: str | None = None) -> None:
    """Raises SandboxError when the present test clock holds no more customers or subscriptions."""
    state = engine.state
    if state.clock is None:
        return
    held = [
        obj
        for obj in state.all(kind)
        if obj["test_clock"] == state.clock
        and (kind == "customer" or (obj["customer"] == customer and obj["ended_at"] is None))
    ]
    most = MOST_CUSTOMERS if kind == "customer" else MOST_SUBSCRIPTIONS
    if len(held) >= most:
        raise SandboxError(f"This test clock can hold no more {kind}s (at most {most}).")


def delete(call: Call) -> StripeObject:
    """What hangs on it is deleted with it."""
    return _delete(call.engine, retrieve(call))


def _delete_by_itself(engine: Engine, clock_id: str) -> None:
    if clock_id in engine.state.objects:
        _delete(engine, engine.state.objects[clock_id])


def _delete(engine: Engine, clock: StripeObject) -> StripeObject:
    state, clock_id = engine.state, clock["id"]
    _tell(engine, clock, "deleted")
    for object_id in [key for key, held in state.clock_of.items() if held == clock_id]:
        obj = state.objects[object_id]
        if obj["object"] == "event":
            del state.clock_of[object_id]
            continue
        gone = {"id": object_id, "object": "customer", "deleted": True}
        state.remove(obj, answers=gone if obj["object"] == "customer" else None)
        state.subscriptions_of.pop(object_id, None)
    state.remove(clock)
    state.forget_due(clock_id)
    return {"id": clock_id, "object": KIND, "deleted": True}


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get(KIND, call.ids[0], called="test_clock")


def index(call: Call) -> StripeObject:
    return paginate(call.engine.state.all(KIND), call.params, url="/v1/test_helpers/test_clocks")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/test_helpers/test_clocks": index,
    "POST /v1/test_helpers/test_clocks": create,
    "GET /v1/test_helpers/test_clocks/{id}": retrieve,
    "DELETE /v1/test_helpers/test_clocks/{id}": delete,
    "POST /v1/test_helpers/test_clocks/{id}/advance": advance,
}
