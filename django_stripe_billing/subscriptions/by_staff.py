"""What staff does to somebody's subscription: the caller has checked that they may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from django.utils import timezone

from ..exceptions import (
    NothingToChangeError,
    PromotionCodeError,
    StripeError,
    SubscriptionStateError,
)
from ..models import Subscription
from ..models.mirrored import to_second
from ..rules.snapshots import ENDED_STATUSES
from ..sync import Cause
from .discounting import add_discount, carry_discount, held_discounts
from .ending import end_at_period_end
from .finding import check_state
from .promotions import DISCOUNTABLE
from .schedules import extend_with_phases, schedule_of
from .writing import fresh, settle, write

LONGEST_TRIAL = timedelta(days=730)
"""https://docs.stripe.com/api/subscriptions/update#update_subscription-trial_end"""


def extend_trial(row: Subscription, *, until: datetime, cause: Cause) -> Subscription:
    """Let a running trial end later, at an aware `until`; the subscription as it is then.

    Nothing is charged or credited for it. What is scheduled for the end of the trial waits as much
    longer. Raises SubscriptionStateError where no trial runs, NothingToChangeError where that is
    no later, and StripeError.
    """
    check_state(row, frozenset({"trialing"}))
    if row.trial_end_at is not None and until <= row.trial_end_at:
        raise NothingToChangeError("The trial runs until then already.")
    if not timezone.now() < until <= timezone.now() + LONGEST_TRIAL:
        raise NothingToChangeError("A trial ends in the future, within two years.")
    schedule = schedule_of(row)
    if schedule is not None:
        extend_with_phases(row, schedule, until=int(until.timestamp()), cause=cause)
        return settle(row, cause=cause)
    params: dict[str, Any] = {"trial_end": to_second(until), "proration_behavior": "none"}
    return write(row, params, intent="extend trial", cause=cause)


def end_subscription(
    row: Subscription, *, when: Literal["period_end", "now"], cause: Cause
) -> Subscription:
    """Cancel a subscription, with its period or at once, without a refund; as it is then.

    Raises SubscriptionStateError where it has ended, NothingToChangeError where it is set to end
    already, and StripeError. https://docs.stripe.com/billing/subscriptions/cancel
    """
    if row.status in ENDED_STATUSES:
        raise SubscriptionStateError("The subscription has ended already.", status=row.status)
    if when == "now" or row.status == "incomplete":
        return write(row, {}, intent="end", is_deletion=True, cause=cause)
    if row.is_ending:
        raise NothingToChangeError("The subscription is set to end already.")
    return end_at_period_end(row, {}, cause=cause)


def apply_coupon(row: Subscription, *, coupon: str, cause: Cause) -> Subscription:
    """Put a coupon's discount on the subscription, from the next invoice on; as it is then.

    `coupon` is Stripe's id. What is taken off already stays, and codes may come beside it. Raises
    SubscriptionStateError, NothingToChangeError where it counts already, PromotionCodeError where
    there is no such coupon or Stripe does not allow it here, and StripeError.
    https://docs.stripe.com/billing/subscriptions/coupons
    """
    check_state(row, DISCOUNTABLE)
    held = held_discounts(row)
    for discount in held:
        if discount.coupon == coupon:
            if carry_discount(row, discount.id, cause=cause):  # the first attempt broke off
                return fresh(row)
            raise NothingToChangeError("This coupon counts already.")
    try:
        return add_discount(row, {"coupon": coupon}, held=held, intent="coupon", cause=cause)
    except StripeError as error:
        if error.status == 400:
            raise PromotionCodeError(f"The coupon can't be used here: {error}") from None
        raise
