"""Discounts of a running subscription: one more, beside those that it has.

Stripe replaces the whole list, so that each is named again, and a change that is scheduled needs
the new one as well. https://docs.stripe.com/billing/subscriptions/coupons
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..models import Subscription
from ..rules.json_values import JSONObject, identifier, mapping, objects
from ..stripe_api import request
from ..sync import Cause
from .phases import Params, discounts_of, later_again, later_phases, present_phase, same_again
from .schedules import schedule_of, set_phases
from .writing import failures_settled, path_of, send, take


@dataclass(frozen=True, kw_only=True)
class Held:
    """A discount that counts for a subscription."""

    id: str
    coupon: str
    promotion_code: str
    """Its id at Stripe; '' where it was given without a code."""


def held_discounts(row: Subscription) -> list[Held]:
    """The subscription's discounts, or else its customer's, which a new one would displace; one
    call. Raises StripeError."""
    data = request(
        "get", path_of(row), {"expand": ["discounts", "customer"]}, account=row.account
    ).data
    own = [_held(found) for found in objects(data.get("discounts"))]
    theirs = mapping(mapping(data.get("customer")).get("discount"))
    return own or ([_held(theirs)] if theirs else [])


def add_discount(
    row: Subscription,
    given: Params,
    *,
    held: Sequence[Held],
    intent: str,
    cause: Cause | None = None,
) -> Subscription:
    """Put a discount on the subscription, and on what is scheduled; as it is then.

    `given` is `{"promotion_code": …}` or `{"coupon": …}`. Where only the first of the two calls was
    made, `carry_discount` makes the second. Raises what `write` raises.
    """
    params = {"discounts": [*({"discount": found.id} for found in held), given]}
    answer = send(row, params, intent=intent, cause=cause)
    row = take(row, answer, cause=cause)
    now = answer.data.get("discounts")
    ids = {identifier(found) for found in now} if isinstance(now, list) else set()
    for added in sorted(ids - {found.id for found in held} - {""}):
        carry_discount(row, added, cause=cause, data=answer.data)
    return row


def carry_discount(
    row: Subscription, discount: str, *, cause: Cause | None = None, data: JSONObject | None = None
) -> bool:
    """Let a discount of the subscription count for what is scheduled, too; whether that was new.

    `data` is the subscription at Stripe, read if not given. Raises StripeError.
    """
    schedule = schedule_of(row, data)
    later = later_phases(schedule or {})
    if schedule is None or all({"discount": discount} in discounts_of(phase) for phase in later):
        return False
    with failures_settled(row, cause=cause):
        phases = [same_again(present_phase(schedule)), *(later_again(phase) for phase in later)]
        for phase in phases:
            named = phase["discounts"] or []
            if {"discount": discount} not in named:
                phase["discounts"] = [*named, {"discount": discount}]
        set_phases(row, schedule, phases)
    return True


def _held(discount: JSONObject) -> Held:
    return Held(
        id=identifier(discount),
        coupon=identifier(mapping(discount.get("source")).get("coupon")),
        promotion_code=identifier(discount.get("promotion_code")),
    )
