"""What an operator may do to the sandbox over HTTP: `/_sandbox/…`, JSON in and out.

GET  /_sandbox/state                           counts, the clock, what waits
POST /_sandbox/advance   {"seconds": 86400} or {"interval": "month"}    move the clock
POST /_sandbox/authenticate {"intent": "pi_…", "succeeds": true}        3D Secure
POST /_sandbox/decide    {"dispute": "dp_…", "is_won": true}
POST /_sandbox/decline   {"code": "insufficient_funds"}    fail the next payment ("": do not)
POST /_sandbox/dispute   {"charge": "ch_…"}
POST /_sandbox/refund    {"charge": "ch_…", "amount": 500}
POST /_sandbox/settle    {"payment_intent": "pi_…", "succeeds": true}   a delayed debit
POST /_sandbox/hold      {"holding": true}     keep webhooks back, or let them go
POST /_sandbox/drop      {"count": 3}          lose waiting webhooks (without count: all)
POST /_sandbox/replay    {"event": "evt_…"}    send an event again
POST /_sandbox/wait      {"seconds": 10}       until no webhook is under way
POST /_sandbox/fault     {"path": "/v1/…", "status": 500, "times": 1, "is_after": false}
POST /_sandbox/mend                            take the faults away
POST /_sandbox/reset                           forget everything
"""

from __future__ import annotations

import json
from typing import Any

from .deliveries import HttpDeliveries
from .engine import Engine
from .errors import SandboxError
from .faults import Fault
from .operator_actions import ACTIONS, Action, Given

Answer = tuple[int, dict[str, Any]]


def answer(engine: Engine, deliveries: HttpDeliveries, method: str, path: str, body: str) -> Answer:
    """The status and the JSON of a control's answer."""
    name = path.removeprefix("/_sandbox/")
    if method == "GET" and name == "state":
        return 200, _state(engine, deliveries)
    control = CONTROLS.get(name)
    if control is None or method != "POST":
        return 404, {"error": f"No such control: {method} {path}"}
    try:
        given = json.loads(body or "{}")
        return 200, control(engine, deliveries, given)
    except SandboxError as error:
        return error.status, {"error": str(error)}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return 400, {"error": f"{type(error).__name__}: {error}"}


def _state(engine: Engine, deliveries: HttpDeliveries) -> dict[str, Any]:
    with engine.lock:
        return {
            "now": engine.now,
            "objects": {kind: len(ids) for kind, ids in engine.state.by_kind.items() if ids},
            "requests": len(engine.requests),
            "waiting": [event["type"] for event in deliveries.waiting],
        }


def _wait(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    return {"idle": deliveries.wait(float(given.get("seconds", 10)))}


def _fault(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    with engine.lock:
        engine.faults.append(Fault(**given))
        return {"faults": len(engine.faults)}


def _mend(engine: Engine, deliveries: HttpDeliveries, given: Given) -> dict[str, Any]:
    with engine.lock:
        engine.faults.clear()
    return {}


CONTROLS: dict[str, Action] = {**ACTIONS, "fault": _fault, "mend": _mend, "wait": _wait}
