"""Changes at the end of the paid period: a subscription schedule of two phases."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from ..exceptions import (
    NothingToChangeError,
    StripeError,
    StripeUnavailableError,
    SubscriptionStateError,
)
from ..models import Subscription
from ..rules.json_values import JSONObject, identifier, integer, objects
from .declining import prices_refused
from .finding import Change, own_subscription
from .phases import Params, items_of, later_phases, present_phase, same_again, terms_of
from .schedules import Schedule, open_schedule, release_schedule, schedule_of, set_phases
from .splitting import NAMES, SplitChange
from .writing import failures_settled, read, settle


def schedule_change(change: Change, split: SplitChange | None = None) -> Subscription:
    """Let the change happen when the paid period is over; it replaces what was scheduled before.

    Without a split for the new plan, it is split as it is now. Raises SubscriptionStateError where
    the subscription ends then, SubscriptionNotFoundError where it has ended and nobody told us,
    PriceWithdrawnError where the present price is archived, which Stripe does not take in a
    schedule, and StripeError: what Stripe refuses leaves everything as it was.
    """
    row = change.subscription
    if row.is_ending:
        raise SubscriptionStateError(
            _("The subscription is set to end: take that back first."), status=row.status
        )
    with prices_refused(keeps_price=change.keeps_price), failures_settled(row):
        schedule, is_new = open_schedule(row)
        try:
            phases = _phases(change, split, schedule)
            set_phases(row, schedule, phases, end_behavior="release")
        except StripeUnavailableError:  # it may be done: whoever tries again finds the schedule
            raise
        except StripeError:
            if is_new:
                with suppress(StripeError):  # the first refusal says more
                    release_schedule(row, identifier(schedule))
            raise
    return settle(row)


def _phases(change: Change, split: SplitChange | None, schedule: Schedule) -> list[Params]:
    """The present phase as it is, and then the same with the change."""
    present = present_phase(schedule)
    now = same_again(present)
    if "start_date" not in now or "end_date" not in now:
        raise StripeError(f"The schedule of {change.subscription.stripe_id} has no running phase.")
    after = [
        {**item, "price": change.price.stripe_id, "quantity": change.quantity}
        if item.get("price") == change.item.price_id
        else item
        for item in items_of(present)
    ]
    terms = terms_of(present)
    if split is not None:
        terms = {name: value for name, value in terms.items() if name not in NAMES}
        terms |= split.wanted
    then = {
        **terms,
        "items": after,
        "duration": {
            "interval": change.price.interval,
            "interval_count": change.price.interval_count,
        },
        "proration_behavior": "none",
    }
    return [now, then]


def withdraw_scheduled_change(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Take back a change that was to happen at the end of the period. Raises NothingToChangeError
    where there is none, and StripeError."""
    row = own_subscription(subscriber, subscription=subscription)
    data = read(row)
    schedule_id = identifier(data.get("schedule"))
    if not schedule_id or row.is_ending:  # a schedule that ends it is taken back by `resume`
        raise NothingToChangeError(_("No change is scheduled."))
    release_schedule(row, schedule_id)
    return settle(row)


def withdraw_superseded(row: Subscription, data: JSONObject | None = None) -> bool:
    """Withdraw the changes that are still to come, for a newer wish; whether there were any.

    An end that is set stays, so that nothing of what is stored here changes. `data` is the
    subscription at Stripe, read if not given. Raises StripeError.
    """
    schedule = schedule_of(row, data)
    if schedule is None or not later_phases(schedule):
        return False
    release_schedule(row, identifier(schedule), keeps_end=True)
    return True


@dataclass(frozen=True, kw_only=True)
class ScheduledChange:
    """What the subscription becomes at the end of the period."""

    price_id: str
    """Stripe's."""
    quantity: int | None
    at: datetime


def scheduled_change(subscription: Subscription) -> ScheduledChange | None:
    """The change that waits for the end of the period, as Stripe has it; at most two calls.

    Raises StripeError.
    """
    schedule = schedule_of(subscription)
    for phase in later_phases(schedule or {}):
        for item in objects(phase.get("items")):
            return ScheduledChange(
                price_id=identifier(item.get("price")),
                quantity=integer(item.get("quantity")),
                at=datetime.fromtimestamp(integer(phase.get("start_date")) or 0, UTC),
            )
    return None
