"""Billing meters: which events are counted, and how. https://docs.stripe.com/api/billing/meter"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import equal, paginate
from ..periods import DAY, HOUR, MINUTE
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine

WINDOWS = {"hour": HOUR, "day": DAY}


@dataclass(kw_only=True)
class Usage:
    """One meter event, as it is counted."""

    customer: str
    value: Decimal
    at: int
    """Unix seconds."""
    identifier: str
    created: int
    is_canceled: bool = False


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    name = params["event_name"]
    if active(engine, name) is not None:
        raise SandboxError(
            f"There is already an active meter with event name '{name}'.",
            code="resource_already_exists",
            param="event_name",
        )
    mapping = params.get("customer_mapping") or {}
    meter = engine.state.add(
        {
            "id": engine.state.new_id("mtr_test_", length=32),
            "object": "billing.meter",
            "created": engine.now,
            "customer_mapping": {
                "event_payload_key": mapping.get("event_payload_key", "stripe_customer_id"),
                "type": "by_id",
            },
            "default_aggregation": {"formula": params["default_aggregation"]["formula"]},
            "display_name": params["display_name"],
            "event_name": name,
            "event_time_window": params.get("event_time_window"),
            "livemode": False,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": engine.now,
            "value_settings": params.get("value_settings") or {"event_payload_key": "value"},
        }
    )
    engine.state.notes[meter["id"]]["usage"] = []
    engine.emit("billing.meter.created", meter)
    return meter


def active(engine: Engine, event_name: str) -> StripeObject | None:
    """The meter that counts events of a name."""
    for meter in engine.state.all("billing.meter"):
        if meter["event_name"] == event_name and meter["status"] == "active":
            return meter
    return None


def usage_of(engine: Engine, meter_id: str) -> list[Usage]:
    """Every event of a meter, in the order in which they came."""
    found: list[Usage] = engine.state.notes[meter_id]["usage"]
    return found


def aggregate(
    engine: Engine, meter: StripeObject, customer_id: str, start: int, end: int
) -> Decimal:
    """A customer's usage from `start` until before `end`, by the meter's formula."""
    rows = [
        row
        for row in usage_of(engine, meter["id"])
        if row.customer == customer_id and start <= row.at < end and not row.is_canceled
    ]
    formula = meter["default_aggregation"]["formula"]
    if formula == "count":
        return Decimal(len(rows))
    if formula == "last":
        return max(rows, key=lambda row: row.at).value if rows else Decimal(0)
    return sum((row.value for row in rows), Decimal(0))


def metered_quantity(
    engine: Engine, customer_id: str, price: StripeObject, start: int, end: int
) -> Decimal:
    """What a metered price is billed for a customer's usage from `start` until before `end`."""
    meter_id = price["recurring"]["meter"]
    if meter_id is None:
        return Decimal(0)
    return aggregate(engine, engine.state.objects[meter_id], customer_id, start, end)


def update(call: Call) -> StripeObject:
    meter = retrieve(call)
    with call.engine.changing(meter, "billing.meter.updated"):
        take(meter, call.params, "display_name")
        meter["updated"] = call.engine.now
    return meter


def deactivate(call: Call) -> StripeObject:
    """Its events are refused from now on."""
    return _switch(call, status="inactive", at=call.engine.now, event="deactivated")


def reactivate(call: Call) -> StripeObject:
    meter = retrieve(call)
    other = active(call.engine, meter["event_name"])
    if other is not None and other is not meter:
        raise SandboxError("Another active meter has this event name.", param="event_name")
    return _switch(call, status="active", at=None, event="reactivated")


def _switch(call: Call, *, status: str, at: int | None, event: str) -> StripeObject:
    meter = retrieve(call)
    if meter["status"] == status:
        raise SandboxError(f"The meter is {status} already.")
    with call.engine.changing(meter, f"billing.meter.{event}"):
        meter["status"], meter["updated"] = status, call.engine.now
        meter["status_transitions"] = {"deactivated_at": at}
    return meter


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("billing.meter", call.ids[0])


def index(call: Call) -> StripeObject:
    rows = (
        meter
        for meter in call.engine.state.all("billing.meter")
        if equal(call.params, meter, "status")
    )
    return paginate(rows, call.params, url="/v1/billing/meters")


def event_summaries(call: Call) -> StripeObject:
    """A customer's usage, whole or by hour or day, newest first; windows without usage left out."""
    meter, params = retrieve(call), call.params
    rows = list(_summaries(call.engine, meter, params))[::-1]
    url = f"/v1/billing/meters/{meter['id']}/event_summaries"
    return paginate(rows, params, url=url)


def _summaries(
    engine: Engine, meter: StripeObject, params: dict[str, Any]
) -> Iterator[StripeObject]:
    start, end = params["start_time"], params["end_time"]
    customer = engine.state.get("customer", params["customer"], param="customer", status=400)
    window = WINDOWS.get(params.get("value_grouping_window", ""))
    for name in ("start_time", "end_time"):
        if params[name] % (window or MINUTE):
            raise SandboxError(
                f"{name} must be aligned with"
                f" {params.get('value_grouping_window', 'minute')} boundaries.",
                param=name,
            )
    if start >= end:
        raise SandboxError("start_time must be before end_time.", param="start_time")
    step = window or end - start
    for begins in range(start, end, step):
        ends = min(begins + step, end)
        value = aggregate(engine, meter, customer["id"], begins, ends)
        if value or not window:
            yield {
                "id": f"mtrusg_test_{meter['id'][-8:]}{begins}",
                "object": "billing.meter_event_summary",
                "aggregated_value": int(value) if value == int(value) else float(value),
                "end_time": ends,
                "livemode": False,
                "meter": meter["id"],
                "start_time": begins,
            }


OPERATIONS: dict[str, Operation] = {
    "GET /v1/billing/meters": index,
    "POST /v1/billing/meters": create,
    "GET /v1/billing/meters/{id}": retrieve,
    "POST /v1/billing/meters/{id}": update,
    "POST /v1/billing/meters/{id}/deactivate": deactivate,
    "POST /v1/billing/meters/{id}/reactivate": reactivate,
    "GET /v1/billing/meters/{id}/event_summaries": event_summaries,
}
