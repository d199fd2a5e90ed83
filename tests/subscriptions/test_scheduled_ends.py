"""An end and a pause while a change waits for the end of the period: nothing is half done."""

import pytest

from django_stripe_billing.exceptions import (
    NothingToChangeError,
    StripeError,
    SubscriptionStateError,
)
from django_stripe_billing.models import Subscription
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.subscriptions import (
    cancel,
    change_quantity,
    end_subscription,
    pause,
    resume,
    scheduled_change,
    unpause,
    withdraw_scheduled_change,
)
from django_stripe_billing.sync import Cause

from .conftest import DAY
from .scheduled import SCHEDULES, fail, schedules

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = Cause(kind="person", id="root")


def end_by_staff(subscriber):
    return end_subscription(Subscription.objects.get(), when="period_end", cause=STAFF)


@pytest.mark.parametrize("end", [cancel, end_by_staff])
def test_an_end_withdraws_what_was_scheduled_in_one_call(
    shop, scheduled, subscriber, stripe_sandbox, at_stripe, end
):
    asked = len(stripe_sandbox.engine.requests)
    row = end(subscriber)
    calls = stripe_sandbox.engine.requests[asked:]
    assert [path for method, path in calls if method == "POST"] == [
        f"{SCHEDULES}/{schedules(shop)[0]['id']}"
    ]
    item = row.items.get()
    assert row.is_ending
    assert row.cancel_at == item.current_period_end_at
    ends = set(row.entitlements.values_list("ends_at", flat=True))
    assert ends == {item.current_period_end_at}
    with pytest.raises(NothingToChangeError):
        withdraw_scheduled_change(subscriber)
    stripe_sandbox.advance(25 * DAY)
    stripe_sandbox.deliver()
    assert Subscription.objects.get().status == "canceled"
    assert at_stripe()["items"]["data"][0]["quantity"] == 2
    assert reconcile().drift == []


def test_why_they_leave_is_kept_though_a_schedule_ends_it(scheduled, subscriber, at_stripe):
    cancel(subscriber, feedback="too_expensive", comment="Three people.")
    assert at_stripe()["cancellation_details"]["feedback"] == "too_expensive"


def test_a_reason_that_stripe_refuses_keeps_nobody(scheduled, subscriber, stripe_sandbox):
    path = f"/v1/subscriptions/{scheduled.stripe_id}"
    fail(stripe_sandbox, method="POST", path=path, status=400)
    assert cancel(subscriber, feedback="too_expensive").is_ending


def test_an_end_that_a_schedule_has_set_is_taken_back(
    shop, scheduled, subscriber, renewed, at_stripe
):
    cancel(subscriber)
    with pytest.raises(SubscriptionStateError, match="set to end"):
        change_quantity(subscriber, 1, when="period_end")
    assert not resume(subscriber).is_ending
    assert at_stripe()["cancel_at"] is None
    assert schedules(shop) == []
    assert renewed() == 2


def test_a_change_now_does_not_take_the_end_back(scheduled, subscriber, stripe_sandbox, at_stripe):
    cancel(subscriber)
    assert change_quantity(subscriber, 3).is_ending
    assert at_stripe()["cancel_at"]


@pytest.mark.parametrize("end", [cancel, end_by_staff])
@pytest.mark.parametrize("status", [400, 500])
def test_an_end_that_fails_leaves_what_was_scheduled(
    scheduled, subscriber, stripe_sandbox, renewed, end, status
):
    fail(stripe_sandbox, method="POST", path="/v1/", status=status, times=-1)
    with pytest.raises(StripeError):
        end(subscriber)
    stripe_sandbox.engine.faults.clear()
    assert scheduled_change(scheduled).quantity == 1
    assert not Subscription.objects.get().is_ending
    assert renewed() == 1


def test_a_pause_is_for_who_has_nothing_scheduled(scheduled, subscriber, at_stripe):
    """Stripe pauses nothing that has a schedule, and a plan that is forgotten costs money."""
    with pytest.raises(SubscriptionStateError, match="take it back first"):
        pause(subscriber)
    assert scheduled_change(scheduled).quantity == 1
    withdraw_scheduled_change(subscriber)
    assert pause(subscriber).status == "paused"


@pytest.mark.parametrize("status", [0, 400])
def test_a_schedule_with_nothing_to_come_is_no_obstacle_to_a_pause(
    shop, scheduled, subscriber, stripe_sandbox, renewed, at_stripe, status
):
    """It hangs on for the period after its change."""
    assert renewed() == 1
    assert at_stripe()["schedule"]
    if status:
        path = f"/v1/subscriptions/{scheduled.stripe_id}/pause"
        fail(stripe_sandbox, method="POST", path=path, status=status)
        with pytest.raises(StripeError):
            pause(subscriber)
    assert pause(subscriber).status == "paused"
    assert unpause(subscriber).items.get().quantity == 1


def test_a_pause_keeps_an_end_that_a_schedule_has_set(scheduled, subscriber, at_stripe):
    ends = cancel(subscriber).cancel_at
    assert pause(subscriber).cancel_at == ends
