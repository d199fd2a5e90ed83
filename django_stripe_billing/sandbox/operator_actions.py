"""What an operator may do to the sandbox's money and webhooks, by name; the controls and the page
call these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cards import DECLINES
from .deliveries import HttpDeliveries
from .engine import Engine
from .errors import SandboxError
from .periods import add_intervals
from .resources import disputes

Given = dict[str, Any]
Action = Callable[[Engine, HttpDeliveries, Given], dict[str, Any]]


def advance(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Move the clock by `seconds`, or by an `interval`: hour, day, week, month or year."""
    if "interval" in given:
        seconds = _interval(engine.now, str(given["interval"]))
    else:
        seconds = float(given["seconds"])
    engine.clock.advance(seconds)
    engine.tick()
    return {"now": engine.now}


def _interval(now: int, interval: str) -> float:
    if interval == "hour":
        return 3600
    if interval not in {"day", "week", "month", "year"}:
        raise SandboxError("An interval is an hour, day, week, month or year.", param="interval")
    return add_intervals(now, interval=interval, count=1) - now


def decline(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Let the next charge fail with a decline `code`; '' lets it succeed after all."""
    code = str(given.get("code", "generic_decline"))
    if code and code not in DECLINES:
        raise SandboxError(f"A decline code is one of {', '.join(DECLINES)}.", param="code")
    with engine.lock:
        if code:
            engine.state.declines.append(code)
        else:
            engine.state.declines.clear()
        return {"declines": list(engine.state.declines)}


def dispute(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """The cardholder disputes a `charge`."""
    with engine.acting(given["charge"]):
        charge = engine.state.get("charge", given["charge"], param="charge", status=400)
        opened = disputes.open_dispute(engine, charge, reason=given.get("reason", "fraudulent"))
        return {"dispute": opened["id"]}


def decide(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """The bank decides a `dispute`: `is_won` or not."""
    is_won = given["is_won"] in {True, "true"}
    with engine.acting(given["dispute"]):
        return {"status": disputes.decide(engine, given["dispute"], is_won=is_won)["status"]}


def refund(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Give back a `charge`, all that is left or an `amount`."""
    params = {name: given[name] for name in ("charge", "amount") if given.get(name)}
    account = engine.account_of(given["charge"])
    return {"refund": engine.call("POST", "/v1/refunds", params, account=account)["id"]}


def settle(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Decide a delayed payment now: `succeeds` or not."""
    intent_id = given["payment_intent"]
    engine.settle(intent_id, succeeds=given["succeeds"] in {True, "true"})
    intent = engine.find(intent_id)
    return {"status": None if intent is None else intent["status"]}


def authenticate(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Pass 3D Secure for a payment or setup `intent`, or fail it."""
    succeeds = given.get("succeeds", True) in {True, "true"}
    return {"status": engine.authenticate(given["intent"], succeeds=succeeds)["status"]}


def hold(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Keep webhooks back (`holding`), or let them go."""
    holding = given["holding"] in {True, "true"}
    deliveries.hold(holding)
    return {"holding": holding}


def drop(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Lose waiting webhooks: the `count` oldest, or all."""
    return {"dropped": deliveries.drop(count=given.get("count"))}


def replay(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Send an `event` again."""
    return {"replayed": deliveries.replay(given["event"])}


def reset(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    """Forget everything."""
    engine.reset()
    deliveries.drop()
    deliveries.log.clear()
    return {}


ACTIONS: dict[str, Action] = {
    "advance": advance,
    "authenticate": authenticate,
    "decide": decide,
    "decline": decline,
    "dispute": dispute,
    "drop": drop,
    "hold": hold,
    "refund": refund,
    "replay": replay,
    "reset": reset,
    "settle": settle,
}
