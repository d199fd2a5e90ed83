"""What a subscriber may try and must not get, and what they have paid for and must keep."""

import pytest
from django.urls import reverse

from django_stripe_billing.access import has_feature, limit
from django_stripe_billing.exceptions import (
    BillingError,
    PaymentDeclinedError,
    StripeError,
    SubscriptionStateError,
)
from django_stripe_billing.models import Entitlement, Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.subscriptions import (
    apply_promotion_code,
    cancel,
    change_plan,
    change_quantity,
    pause,
    resume,
)

from .conftest import DAY

pytestmark = pytest.mark.django_db(transaction=True)

BAD_CARD = "pm_card_chargeCustomerFail"


@pytest.fixture
def set_card(shop):
    def set_card(customer, card):
        shop.call("POST", f"/v1/payment_methods/{card}/attach", {"customer": customer})
        held = shop.call("GET", "/v1/payment_methods", {"customer": customer})["data"]
        default = {"invoice_settings": {"default_payment_method": held[0]["id"]}}
        shop.call("POST", f"/v1/customers/{customer}", default)
        return held[0]["id"]

    return set_card


@pytest.fixture
def later(stripe_sandbox):
    def later(days):
        stripe_sandbox.advance(days * DAY)
        stripe_sandbox.deliver()

    return later


@pytest.fixture
def buy(client, user, stripe_sandbox):
    def buy(price, **payment):
        client.force_login(user)
        url = client.post(reverse("stripe_billing:checkout"), {"price": price})["Location"]
        stripe_sandbox.pay(url, **payment)
        stripe_sandbox.deliver()
        return Subscription.objects.get()

    return buy


def plan(data):
    [item] = data["items"]["data"]
    return item["price"]["lookup_key"], item["quantity"]


def invoiced(shop, customer):
    return sum(
        invoice["total"]
        for invoice in shop.call("GET", "/v1/invoices", {"customer": customer})["data"]
    )


def test_the_dearer_plan_is_not_to_be_had_without_paying_the_difference(client, user, row):
    client.force_login(user)
    answer = client.post(
        reverse("stripe_billing_api:subscription"),
        {"price": "pro_monthly", "quantity": 10, "when": "now_without_proration"},
        content_type="application/json",
    )
    assert answer.status_code == 400
    assert "when" in answer.json()["fields"]


def test_a_second_scheduled_change_leaves_the_present_alone(
    shop, row, subscriber, at_stripe, later, stripe_sandbox
):
    """Once a scheduled change has come, its schedule hangs on for one more period."""
    change_plan(subscriber, price="pro_monthly", quantity=10)
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    later(25)
    assert (plan(at_stripe()), limit(subscriber, "seats")) == (("starter_monthly", 1), 3)
    before = invoiced(shop, row.customer.stripe_id)
    change_plan(subscriber, price="pro_monthly", quantity=4, when="period_end")
    stripe_sandbox.deliver()
    assert (plan(at_stripe()), limit(subscriber, "seats")) == (("starter_monthly", 1), 3)
    assert invoiced(shop, row.customer.stripe_id) == before
    later(31)
    assert plan(at_stripe()) == ("pro_monthly", 4)


def test_a_scheduled_change_does_not_revive_what_is_set_to_end(row, subscriber, later):
    cancel(subscriber)
    with pytest.raises(SubscriptionStateError, match="set to end"):
        change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    later(60)
    assert Subscription.objects.get().status == "canceled"


def test_a_scheduled_change_keeps_the_discount(shop, row, subscriber, at_stripe, later):
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 50, "duration": "forever"})
    promotion = {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "HALF"}
    shop.call("POST", "/v1/promotion_codes", promotion)
    apply_promotion_code(subscriber, "HALF")
    held = at_stripe()["discounts"]
    assert len(held) == 1
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    assert len(at_stripe()["discounts"]) == 1
    later(25)
    assert plan(at_stripe()) == ("starter_monthly", 1)
    assert len(at_stripe()["discounts"]) == 1


def test_a_trial_of_one_plan_is_no_trial_of_another(shop, subscriber, buy):
    row = buy("starter_monthly")
    assert (row.status, limit(subscriber, "seats")) == ("trialing", 3)
    row = change_plan(subscriber, price="pro_monthly", quantity=10)
    assert row.status == "active"
    assert limit(subscriber, "seats") == 50
    assert invoiced(shop, row.customer.stripe_id) == 10 * 2000


def test_a_trial_of_one_plan_is_no_trial_of_another_with_a_bad_card(
    shop, subscriber, buy, set_card, stripe_sandbox
):
    row = buy("starter_monthly")
    bad = {"default_payment_method": set_card(row.customer.stripe_id, BAD_CARD)}
    shop.call("POST", f"/v1/subscriptions/{row.stripe_id}", bad)  # the checkout has set its own
    with pytest.raises(PaymentDeclinedError):
        change_plan(subscriber, price="pro_monthly", quantity=10)
    stripe_sandbox.deliver()
    assert (Subscription.objects.get().status, limit(subscriber, "seats")) == ("trialing", 3)


def test_going_on_after_a_pause_takes_a_payment(row, subscriber, later, set_card, stripe_sandbox):
    pause(subscriber)
    later(60)
    set_card(row.customer.stripe_id, BAD_CARD)
    with pytest.raises(BillingError):
        resume(subscriber)
    stripe_sandbox.deliver()
    assert not has_feature(subscriber, "reports")
    assert Subscription.objects.get().status == "paused"


def test_a_trial_without_a_card_that_paused_goes_on_with_a_payment_alone(
    shop, subscriber, buy, later, stripe_sandbox
):
    shop.add_price(
        shop.starter, 900, "nocard", trial_days="14", trial_without_card="true", trial_end="pause"
    )
    shop.sync()
    buy("nocard", payment_method="")
    later(15)
    assert Subscription.objects.get().status == "paused"
    with pytest.raises(BillingError):
        resume(subscriber)
    stripe_sandbox.deliver()
    assert not has_feature(subscriber, "reports")


def test_a_new_card_after_a_declined_one_makes_the_change(row, subscriber, set_card, at_stripe):
    set_card(row.customer.stripe_id, BAD_CARD)
    with pytest.raises(PaymentDeclinedError):
        change_quantity(subscriber, 4)
    set_card(row.customer.stripe_id, "pm_card_visa")
    change_quantity(subscriber, 4)
    assert plan(at_stripe()) == ("pro_monthly", 4)


def test_an_error_of_stripes_does_not_bar_the_next_scheduled_change(
    row, subscriber, stripe_sandbox
):
    fault = Fault(method="POST", path="/v1/subscription_schedules/", status=500, times=3)
    stripe_sandbox.engine.faults.append(fault)
    with pytest.raises(StripeError):
        change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    stripe_sandbox.engine.faults.clear()
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")


def test_who_paid_for_a_year_keeps_it_in_grace_though_the_invoice_event_was_lost(
    shop, subscriber, bound, stripe_sandbox, later, set_card
):
    """Six months in, a small invoice for one more seat fails."""
    price = shop.add_price(shop.pro, 20_000, "pro_yearly", interval="year", quantity_max="10")
    shop.sync()
    made = shop.subscribe(bound, price=price)
    stripe_sandbox.deliver()
    later(180)
    set_card(bound.stripe_id, BAD_CARD)
    shop.call(
        "POST",
        f"/v1/subscriptions/{made['id']}",
        {
            "items": [{"id": made["items"]["data"][0]["id"], "quantity": 2}],
            "proration_behavior": "always_invoice",
        },
    )
    for kind in {event["type"] for event in stripe_sandbox.pending}:
        if kind.startswith("invoice"):
            stripe_sandbox.drop(kind)
    stripe_sandbox.deliver()
    assert Subscription.objects.get().status == "past_due"
    now = stripe_sandbox.engine.now
    ends = {round(end.timestamp()) for end in Entitlement.objects.values_list("ends_at", flat=True)}
    assert {now - 60 <= end - 7 * DAY <= now + 60 for end in ends} == {True}
