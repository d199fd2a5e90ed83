"""The schedule of a subscription, at Stripe: read, made, changed, released.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..exceptions import StripeError, StripeUnavailableError
from ..models import Subscription
from ..rules.json_values import JSONObject, identifier, integer, objects
from ..stripe_api import request
from ..sync import Cause
from .phases import Params, later_again, later_phases, present_phase, same_again
from .writing import failures_settled, key_of, read

Schedule = dict[str, Any]


def schedule_of(row: Subscription, data: JSONObject | None = None) -> Schedule | None:
    """The subscription's schedule, None without one; `data` is it at Stripe, read if not given.

    Raises StripeError.
    """
    schedule_id = identifier((read(row) if data is None else data).get("schedule"))
    return _retrieve(row, schedule_id) if schedule_id else None


def open_schedule(row: Subscription) -> tuple[Schedule, bool]:
    """The subscription's schedule, and whether it was made from it just now."""
    found = schedule_of(row)
    if found is not None:
        return found, False
    params = {"from_subscription": row.stripe_id}
    answer = request(
        "post",
        "/v1/subscription_schedules",
        params,
        account=row.account,
        idempotency_key=key_of(row, "schedule", params),
    )
    return answer.data, True


def set_phases(row: Subscription, schedule: Schedule, phases: list[Params], **others: Any) -> None:
    """Replace a schedule's phases; nothing is charged or credited for it."""
    params = {"phases": phases, "proration_behavior": "none", **others}
    request(
        "post",
        _path(identifier(schedule)),
        params,
        account=row.account,
        idempotency_key=key_of(row, "schedule", params),
    )


def end_with_period(
    row: Subscription, data: JSONObject, schedule: Schedule, *, cause: Cause | None
) -> None:
    """Let a scheduled subscription end with its period, in one call: nothing else is to come.

    Stripe then shows the end as the subscription's `cancel_at`.
    """
    ends = [integer(item.get("current_period_end")) for item in objects(data.get("items"))]
    phase = same_again(present_phase(schedule))
    phase["end_date"] = min((end for end in ends if end is not None), default=phase["end_date"])
    with failures_settled(row, cause=cause):
        set_phases(row, schedule, [phase], end_behavior="cancel")


def extend_with_phases(row: Subscription, schedule: Schedule, *, until: int, cause: Cause) -> None:
    """Let the trial of the running phase end at `until` (Unix seconds), and what follows it wait.

    A phase that ended with the trial, or would end in it, ends as it does, and the later ones begin
    and end as much later. Nothing is charged. Raises StripeError.
    """
    present, later = present_phase(schedule), later_phases(schedule)
    phases = [same_again(present), *(later_again(phase) for phase in later)]
    delay = max(0, until - (phases[0].get("end_date") or until))
    for number, phase in enumerate(phases):
        for name in ("start_date", "end_date", "trial_end"):
            if name in phase and (number, name) != (0, "start_date"):
                phase[name] += delay
    phases[0]["trial_end"] = until
    with failures_settled(row, cause=cause):
        set_phases(row, schedule, phases)


def release_schedule(row: Subscription, schedule_id: str, *, keeps_end: bool = False) -> None:
    """Let go of the subscription, which goes on as it is: what was to come is withdrawn.

    `keeps_end`: an end that the schedule has set stays. One that is released already is fine.
    Raises StripeError. https://docs.stripe.com/api/subscription_schedules/release
    """
    params = {"preserve_cancel_date": True} if keeps_end else {}
    try:
        with failures_settled(row):
            request(
                "post",
                f"{_path(schedule_id)}/release",
                params,
                account=row.account,
                idempotency_key=key_of(row, "release", {"schedule": schedule_id, **params}),
            )
    except StripeUnavailableError:
        raise
    except StripeError:
        if identifier(read(row).get("schedule")) == schedule_id:
            raise


def _retrieve(row: Subscription, schedule_id: str) -> Schedule:
    return request("get", _path(schedule_id), account=row.account).data


def _path(schedule_id: str) -> str:
    return f"/v1/subscription_schedules/{quote(schedule_id, safe='')}"
