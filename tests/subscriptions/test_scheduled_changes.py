"""What waits for the end of the period: newer wishes, and what Stripe refuses."""

import pytest

from django_stripe_billing.access import limit
from django_stripe_billing.exceptions import (
    ActionRequiredError,
    NothingToChangeError,
    PaymentDeclinedError,
    StripeError,
    StripeUnavailableError,
)
from django_stripe_billing.models import Subscription
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.signals import entitlement_changed
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.subscriptions import (
    accept_preview,
    change_plan,
    change_quantity,
    preview_change,
    scheduled_change,
    withdraw_scheduled_change,
)

from .scheduled import SCHEDULES, fail, schedules

pytestmark = pytest.mark.django_db(transaction=True)


# The newest wish


def test_a_change_now_withdraws_what_was_scheduled(shop, scheduled, subscriber, renewed, at_stripe):
    changed = change_quantity(subscriber, 6)
    assert at_stripe()["schedule"] is None
    assert scheduled_change(changed) is None
    assert renewed() == 6
    assert limit(subscriber, "seats") == 30
    assert reconcile().drift == []


def test_a_preview_accepted_withdraws_it_too(scheduled, subscriber, renewed):
    accept_preview(subscriber, preview_change(subscriber, quantity=5).token)
    assert renewed() == 5


def test_a_change_now_to_what_was_scheduled_leaves_no_schedule(shop, scheduled, subscriber):
    change_quantity(subscriber, 1)
    assert schedules(shop) == []


@pytest.mark.parametrize("when", ["now", "period_end"])
def test_the_present_plan_is_a_wish_while_something_else_is_scheduled(
    shop, scheduled, subscriber, renewed, when
):
    assert change_quantity(subscriber, 2, when=when).items.get().quantity == 2
    assert schedules(shop) == []
    with pytest.raises(NothingToChangeError):
        change_plan(subscriber, price="pro_monthly", quantity=2, when=when)
    assert renewed() == 2


def test_a_later_wish_for_the_periods_end_replaces_the_earlier_one(scheduled, subscriber, renewed):
    change_quantity(subscriber, 3, when="period_end")
    assert renewed() == 3


def test_a_declined_card_leaves_what_was_scheduled(
    shop, scheduled, bound, subscriber, stripe_sandbox, renewed
):
    stripe_sandbox.engine.state.declines.append("insufficient_funds")
    with pytest.raises(PaymentDeclinedError):
        change_quantity(subscriber, 6)
    assert scheduled_change(scheduled).quantity == 1
    assert renewed() == 1


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("status", [500, 0])
def test_a_change_whose_second_call_failed_is_completed_by_asking_again(
    shop, scheduled, subscriber, stripe_sandbox, renewed, status, is_after
):
    path = f"{SCHEDULES}/{schedules(shop)[0]['id']}/release"
    fail(stripe_sandbox, method="POST", path=path, status=status, is_after=is_after)
    with pytest.raises(StripeUnavailableError):
        change_quantity(subscriber, 6)
    assert Subscription.objects.get().items.get().quantity == 6  # it is paid
    if is_after:
        with pytest.raises(NothingToChangeError):
            change_quantity(subscriber, 6)
    else:
        assert scheduled_change(scheduled).quantity == 1  # and nothing is lost
        change_quantity(subscriber, 6)
    assert renewed() == 6
    paid = [e for e in stripe_sandbox.engine.events if e["type"] == "invoice.paid"]
    assert len(paid) == 3  # two periods, and the difference


def test_a_preview_accepted_again_completes_it_as_well(
    shop, scheduled, subscriber, stripe_sandbox, renewed
):
    token = preview_change(subscriber, quantity=6).token
    path = f"{SCHEDULES}/{schedules(shop)[0]['id']}/release"
    fail(stripe_sandbox, method="POST", path=path, status=500)
    with pytest.raises(StripeUnavailableError):
        accept_preview(subscriber, token)
    accept_preview(subscriber, token)
    accept_preview(subscriber, token)
    assert renewed() == 6


def test_a_schedule_that_somebody_else_releases_meanwhile_is_no_trouble(
    shop, scheduled, subscriber, stripe_sandbox, settings, renewed
):
    path = f"{SCHEDULES}/{schedules(shop)[0]['id']}"
    inner, released = stripe_sandbox.engine.handle, []

    def handle(method, called, body, headers):
        answer = inner(method, called, body, headers)
        if called == path and not released:
            released.append(shop.call("POST", f"{path}/release"))
        return answer

    client = CallableHTTPClient(handle)
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": client}
    change_quantity(subscriber, 6)
    assert released
    assert renewed() == 6


def test_a_release_that_stripe_refuses_is_told(
    shop, scheduled, subscriber, stripe_sandbox, renewed
):
    path = f"{SCHEDULES}/{schedules(shop)[0]['id']}/release"
    fail(stripe_sandbox, method="POST", path=path, status=400)
    with pytest.raises(StripeError):
        withdraw_scheduled_change(subscriber)
    assert renewed() == 1


def test_a_change_now_keeps_an_end_that_was_planned_in_the_dashboard(
    shop, scheduled, subscriber, at_stripe
):
    """Another number of seats next period, and then the end: only the seats are withdrawn."""
    [schedule] = schedules(shop)
    shop.call("POST", f"{SCHEDULES}/{schedule['id']}", {"end_behavior": "cancel"})
    shop.sandbox.deliver()
    ends = at_stripe()["cancel_at"]
    assert change_quantity(subscriber, 3).is_ending
    assert (at_stripe()["cancel_at"], at_stripe()["schedule"]) == (ends, None)


def test_a_change_that_waits_for_the_bank_withdraws_it_too(
    shop, scheduled, bound, subscriber, stripe_sandbox, at_stripe
):
    card = "pm_card_threeDSecure2Required"
    held = shop.call("POST", f"/v1/payment_methods/{card}/attach", {"customer": bound.stripe_id})
    default = {"invoice_settings": {"default_payment_method": held["id"]}}
    shop.call("POST", f"/v1/customers/{bound.stripe_id}", default)
    with pytest.raises(ActionRequiredError) as refusal:
        change_quantity(subscriber, 6)
    assert refusal.value.hosted_url.startswith("http")
    assert at_stripe()["pending_update"]
    assert schedules(shop) == []


# What Stripe refuses


def test_a_refused_change_at_the_periods_end_leaves_no_schedule(
    shop, row, subscriber, stripe_sandbox, renewed, at_stripe
):
    fail(stripe_sandbox, method="POST", path=f"{SCHEDULES}/", status=400)
    with pytest.raises(StripeError):
        change_quantity(subscriber, 1, when="period_end")
    assert at_stripe()["schedule"] is None
    change_quantity(subscriber, 1, when="period_end")
    assert renewed() == 1


def test_a_refused_second_one_leaves_the_first(
    shop, scheduled, subscriber, stripe_sandbox, renewed
):
    fail(stripe_sandbox, method="POST", path=f"{SCHEDULES}/", status=400)
    with pytest.raises(StripeError):
        change_quantity(subscriber, 3, when="period_end")
    assert scheduled_change(scheduled).quantity == 1
    assert renewed() == 1


def test_an_empty_schedule_of_an_unknown_outcome_is_used_again(
    shop, row, subscriber, stripe_sandbox, renewed
):
    fail(stripe_sandbox, method="POST", path=f"{SCHEDULES}/", status=500)
    with pytest.raises(StripeUnavailableError):
        change_quantity(subscriber, 1, when="period_end")
    [left] = schedules(shop)
    change_quantity(subscriber, 1, when="period_end")
    assert [one["id"] for one in shop.call("GET", SCHEDULES)["data"]] == [left["id"]]
    assert renewed() == 1


# Use that grows past a decrease


def test_the_moment_at_which_use_exceeds_a_scheduled_decrease_is_told(
    row, subscriber, settings, renewed, monkeypatch
):
    used, told = [4], []

    def compare(sender, customer, feature, change, **kwargs):
        if feature.lookup_key == "seats":
            told.append((change.before["limit"], change.after["limit"], used[0]))

    counters = {"seats": lambda who: used[0]}
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "USAGE_COUNTERS": counters}
    entitlement_changed.connect(compare)
    try:
        change_quantity(subscriber, 1, when="period_end")
        used[0] = 9
        assert told == []
        assert renewed() == 1
    finally:
        entitlement_changed.disconnect(compare)
    assert (10, 5, 9) in told
    assert limit(subscriber, "seats") == 5
