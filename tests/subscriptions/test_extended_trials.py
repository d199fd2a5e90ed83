"""A trial that is extended while something is scheduled for its end, on a test clock."""

from datetime import timedelta

import pytest

from django_stripe_billing.access import has_feature, limit
from django_stripe_billing.exceptions import StripeError, StripeUnavailableError
from django_stripe_billing.models import Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.subscriptions import (
    cancel,
    change_plan,
    end_subscription,
    extend_trial,
    resume,
    scheduled_change,
    withdraw_scheduled_change,
)
from django_stripe_billing.sync import Cause
from tests.renewals import clock

from .scheduled import SCHEDULES

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["clock"]

STAFF = Cause(kind="person", id="staff root")


@pytest.fixture
def trial(shop, clock, subscriber):
    """Ten days of two units of pro."""
    bound = shop.bind(subscriber)
    items = [{"price": shop.pro_monthly["id"], "quantity": 2}]
    shop.subscribe(bound, items=items, trial_period_days=10)
    shop.sandbox.deliver()
    return Subscription.objects.get()


@pytest.fixture
def waiting(trial, subscriber, shop):
    """Starter from the trial's end on."""
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    shop.sandbox.deliver()
    return Subscription.objects.get()


@pytest.fixture
def at_stripe(shop, trial):
    return lambda: shop.call("GET", f"/v1/subscriptions/{trial.stripe_id}")


def extended(row, **how):
    return extend_trial(row, until=row.trial_end_at + timedelta(days=7), cause=STAFF, **how)


def held(found):
    [item] = found["items"]["data"]
    return item["price"]["lookup_key"], item["quantity"]


def test_what_is_scheduled_waits_for_the_new_end_of_the_trial(
    shop, waiting, subscriber, clock, at_stripe
):
    row = extended(waiting)
    assert (row.status, row.trial_end_at) == (
        "trialing",
        waiting.trial_end_at + timedelta(days=7),
    )
    assert scheduled_change(row).at == row.trial_end_at
    clock.advance(days=12)
    assert (at_stripe()["status"], held(at_stripe())) == ("trialing", ("pro_monthly", 2))
    assert limit(subscriber, "seats") == 10
    clock.advance(days=5, hours=2)
    assert (at_stripe()["status"], held(at_stripe())) == ("active", ("starter_monthly", 1))
    assert limit(subscriber, "seats") == 3
    invoice = shop.call("GET", f"/v1/invoices/{at_stripe()['latest_invoice']}")
    assert (invoice["total"], invoice["amount_paid"]) == (900, 900)
    clock.to_renewal({"id": waiting.stripe_id})
    assert held(at_stripe()) == ("starter_monthly", 1)


def test_it_is_extended_as_often_as_staff_likes(waiting, clock, at_stripe):
    row = extended(extended(waiting))
    assert row.trial_end_at == waiting.trial_end_at + timedelta(days=14)
    clock.advance(days=23)
    assert held(at_stripe()) == ("pro_monthly", 2)
    clock.advance(days=2)
    assert held(at_stripe()) == ("starter_monthly", 1)


def test_what_is_scheduled_is_withdrawn_after_an_extension_as_before(
    waiting, subscriber, clock, at_stripe
):
    extended(waiting)
    withdraw_scheduled_change(subscriber)
    clock.advance(days=17, hours=2)
    assert (at_stripe()["status"], held(at_stripe())) == ("active", ("pro_monthly", 2))


def test_an_end_that_was_set_instead_of_a_change_waits_too(waiting, subscriber, clock, at_stripe):
    """The schedule that held the change holds the end now."""
    row = end_subscription(waiting, when="period_end", cause=STAFF)
    assert row.is_ending
    assert at_stripe()["schedule"]
    row = extended(row)
    assert int(row.trial_end_at.timestamp()) == at_stripe()["cancel_at"]
    clock.advance(days=16)
    assert has_feature(subscriber, "reports")
    clock.advance(days=2)
    assert at_stripe()["status"] == "canceled"
    assert not has_feature(subscriber, "reports")


def test_an_end_without_a_schedule_waits_as_well(trial, subscriber, clock, at_stripe):
    cancel(subscriber)
    row = extended(Subscription.objects.get())
    assert int(row.trial_end_at.timestamp()) == at_stripe()["cancel_at"]
    resume(subscriber)
    clock.advance(days=18)
    assert at_stripe()["status"] == "active"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(method="POST", path=SCHEDULES, status=400), StripeError),
        (Fault(method="POST", path=SCHEDULES, status=500), StripeUnavailableError),
    ],
)
def test_where_stripe_refuses_nothing_is_moved_and_it_can_be_tried_again(
    shop, waiting, at_stripe, fault, error
):
    shop.sandbox.engine.faults.append(fault)
    with pytest.raises(error):
        extended(waiting)
    row = Subscription.objects.get()
    assert row.trial_end_at == waiting.trial_end_at
    assert scheduled_change(row).at == row.trial_end_at
    assert extended(row).trial_end_at > row.trial_end_at
    assert scheduled_change(row).at > row.trial_end_at
