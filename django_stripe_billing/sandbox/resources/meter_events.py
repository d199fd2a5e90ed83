"""Meter events: usage that is reported, once. https://docs.stripe.com/api/billing/meter-event"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, missing
from ..periods import DAY, MINUTE
from ..routes import Call, Operation
from ..state import StripeObject
from . import meters

if TYPE_CHECKING:
    from ..engine import Engine

OLDEST = 35 * DAY
AHEAD = 5 * MINUTE
REMEMBERED = DAY
"""How long an identifier is known: Stripe says at least 24 hours, so nobody may lean on more."""
LONGEST_IDENTIFIER = 100
KNOWN = "meter events by identifier"


def create(call: Call) -> StripeObject:
    """Count an event. Raises SandboxError, also where its identifier has been seen already."""
    engine, params = call.engine, call.params
    meter = meters.active(engine, params["event_name"])
    if meter is None:
        raise SandboxError(
            f"No active meter found for event name '{params['event_name']}'.",
            code="resource_missing",
            param="event_name",
        )
    moment = params.get("timestamp", engine.now)
    _check_moment(moment, engine.now)
    customer_id = _customer(engine, meter, params["payload"])
    value = _value(meter, params["payload"])
    identifier = params.get("identifier") or engine.state.new_id("", length=36)
    if len(identifier) > LONGEST_IDENTIFIER:
        raise SandboxError("An identifier has at most 100 characters.", param="identifier")
    if _find(engine, identifier) is not None:
        raise SandboxError(f"An event already exists with identifier {identifier}.")
    row = meters.Usage(
        customer=customer_id,
        value=value,
        at=moment,
        identifier=identifier,
        created=engine.now,
    )
    meters.usage_of(engine, meter["id"]).append(row)
    engine.state.notes[KNOWN][identifier] = row
    return {
        "object": "billing.meter_event",
        "created": engine.now,
        "event_name": meter["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": params["payload"],
        "timestamp": moment,
    }


def _check_moment(moment: int, now: int) -> None:
    if moment < now - OLDEST:
        raise SandboxError(
            "The timestamp must be within the past 35 calendar days.",
            code="timestamp_too_far_in_past",
            param="timestamp",
        )
    if moment > now + AHEAD:
        raise SandboxError(
            "The timestamp must be at most 5 minutes in the future.",
            code="timestamp_in_future",
            param="timestamp",
        )


def _customer(engine: Engine, meter: StripeObject, payload: dict[str, Any]) -> str:
    key = meter["customer_mapping"]["event_payload_key"]
    if not payload.get(key):
        raise SandboxError(
            f"The payload lacks the customer: {key}.",
            code="meter_event_no_customer_defined",
            param=f"payload[{key}]",
        )
    customer_id = str(payload[key])
    found = engine.state.objects.get(customer_id)
    if found is None or found["object"] != "customer":
        raise missing("customer", customer_id, param=f"payload[{key}]", status=400)
    return customer_id


def _value(meter: StripeObject, payload: dict[str, Any]) -> Decimal:
    if meter["default_aggregation"]["formula"] == "count":
        return Decimal(1)
    key = meter["value_settings"]["event_payload_key"]
    try:
        value = Decimal(str(payload[key]))
    except (KeyError, InvalidOperation):
        value = Decimal("NaN")
    if not value.is_finite():
        raise SandboxError(
            f"The payload's {key} must be a number.",
            code="meter_event_invalid_value",
            param=f"payload[{key}]",
        )
    return value


def _find(engine: Engine, identifier: str) -> meters.Usage | None:
    """The event of an identifier that is still known."""
    row: meters.Usage | None = engine.state.notes[KNOWN].get(identifier)
    return row if row is not None and row.created > engine.now - REMEMBERED else None


def adjust(call: Call) -> StripeObject:
    """Take an event back, within a day of its creation."""
    engine, params = call.engine, call.params
    identifier = (params.get("cancel") or {}).get("identifier", "")
    row = _find(engine, identifier)
    if row is None:
        raise missing("meter event", identifier, param="cancel[identifier]", status=400)
    if row.is_canceled:
        raise SandboxError("The event is canceled already.", param="cancel[identifier]")
    row.is_canceled = True
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": identifier},
        "event_name": params["event_name"],
        "livemode": False,
        "status": "complete",
        "type": "cancel",
    }


OPERATIONS: dict[str, Operation] = {
    "POST /v1/billing/meter_events": create,
    "POST /v1/billing/meter_event_adjustments": adjust,
}
