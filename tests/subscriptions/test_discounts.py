"""Codes and coupons beside what is taken off already, now and on what is to come."""

import pytest
from django.urls import reverse

from django_stripe_billing.exceptions import (
    NothingToChangeError,
    PromotionCodeError,
    StripeUnavailableError,
    SubscriptionStateError,
)
from django_stripe_billing.models import EntitlementChange, Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.sandbox.pages import checkout as checkout_page
from django_stripe_billing.sandbox.resources import discounts
from django_stripe_billing.subscriptions import (
    apply_coupon,
    apply_promotion_code,
    cancel,
    change_quantity,
    pause,
)
from django_stripe_billing.sync import Cause

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = Cause(kind="person", id="root")
SCHEDULES = "/v1/subscription_schedules"


@pytest.fixture
def coupon(shop):
    def coupon(percent, duration="forever"):
        terms = {"percent_off": percent, "duration": duration}
        return shop.call("POST", "/v1/coupons", terms)["id"]

    return coupon


@pytest.fixture
def code(shop, coupon):
    def code(name, percent, duration="forever", **more):
        promotion = {"type": "coupon", "coupon": coupon(percent, duration)}
        made = {"promotion": promotion, "code": name, **more}
        return shop.call("POST", "/v1/promotion_codes", made)["id"]

    return code


@pytest.fixture
def held(shop, row):
    """The percents that are taken off the subscription."""

    def held():
        path = f"/v1/subscriptions/{row.stripe_id}"
        found = shop.call("GET", path, {"expand": ["discounts"]})["discounts"]
        coupons = [shop.call("GET", f"/v1/coupons/{one['source']['coupon']}") for one in found]
        return [one["percent_off"] for one in coupons]

    return held


@pytest.fixture
def renewal(shop, row, stripe_sandbox, at_stripe):
    """What the next renewal costs."""

    def renewal():
        [item] = at_stripe()["items"]["data"]
        stripe_sandbox.advance(
            item["current_period_end"] + 7200 - stripe_sandbox.engine.clock.now()
        )
        stripe_sandbox.deliver()
        return shop.call("GET", f"/v1/invoices/{at_stripe()['latest_invoice']}")["total"]

    return renewal


def test_a_code_stands_beside_what_staff_gave(row, subscriber, coupon, code, held, renewal):
    apply_coupon(row, coupon=coupon(50), cause=STAFF)
    code("WELCOME", 10, "once")
    apply_promotion_code(subscriber, "WELCOME")
    assert held() == [50, 10]
    assert renewal() == 4000 * 0.5 * 0.9
    assert renewal() == 4000 * 0.5


def test_a_code_keeps_the_customers_own_discount(
    shop, row, bound, subscriber, coupon, code, held, renewal
):
    """At Stripe a subscription's first discount displaces its customer's."""
    engine, half = shop.sandbox.engine, coupon(50)
    with engine.acting(bound.stripe_id):  # as in the Dashboard: no parameter does it any more
        discounts.set_on_customer(engine, engine.state.objects[bound.stripe_id], half)
    code("WELCOME", 10, "once")
    apply_promotion_code(subscriber, "WELCOME")
    assert held() == [50, 10]
    assert renewal() == 4000 * 0.5 * 0.9


def test_of_codes_there_is_one_at_a_time(row, subscriber, code, held):
    code("HALF", 50)
    code("WELCOME", 10, "once")
    apply_promotion_code(subscriber, "HALF")
    with pytest.raises(PromotionCodeError, match="one at a time"):
        apply_promotion_code(subscriber, "WELCOME")
    assert held() == [50]


def test_when_a_code_is_used_up_there_is_room_for_the_next(
    row, subscriber, code, held, renewal, stripe_sandbox
):
    code("WELCOME", 10, "once")
    code("HALF", 50)
    apply_promotion_code(subscriber, "WELCOME")
    assert renewal() == 3600
    apply_promotion_code(subscriber, "HALF")
    assert held() == [50]


def test_a_code_that_is_used_up_is_not_taken_again(row, subscriber, code, renewal):
    """Or who enters "the first month is free" each month would never pay."""
    code("FREE", 100, "once")
    apply_promotion_code(subscriber, "FREE")
    assert renewal() == 0
    with pytest.raises(PromotionCodeError, match="before"):
        apply_promotion_code(subscriber, "free")
    assert renewal() == 4000
    code("OTHER", 50, "once")
    apply_promotion_code(subscriber, "OTHER")
    assert renewal() == 2000


def test_the_same_code_twice_is_the_same_as_once(shop, row, subscriber, code, held):
    """Also one that may be used once altogether, and is used up by the first time."""
    promotion = code("WELCOME", 10, max_redemptions=1)
    apply_promotion_code(subscriber, "WELCOME")
    apply_promotion_code(subscriber, "welcome")
    assert held() == [10]
    assert shop.call("GET", f"/v1/promotion_codes/{promotion}")["times_redeemed"] == 1


def test_a_code_that_was_given_up_makes_way_for_one_of_the_same_name(
    shop, row, subscriber, code, held
):
    shop.call("POST", f"/v1/promotion_codes/{code('WELCOME', 10)}", {"active": False})
    with pytest.raises(PromotionCodeError, match="no such code"):
        apply_promotion_code(subscriber, "WELCOME")
    code("WELCOME", 20)
    apply_promotion_code(subscriber, "WELCOME")
    assert held() == [20]


def test_a_code_of_another_customer_or_for_first_buyers_is_refused(
    shop, row, subscriber, code, held
):
    other = shop.call("POST", "/v1/customers", {})["id"]
    code("THEIRS", 10, customer=other)
    code("FIRST", 10, restrictions={"first_time_transaction": True})
    for name in ("THEIRS", "FIRST"):
        with pytest.raises(PromotionCodeError):
            apply_promotion_code(subscriber, name)
    assert held() == []


# With something scheduled


def test_a_code_counts_for_a_scheduled_change_too(row, subscriber, code, held, renewal):
    change_quantity(subscriber, 1, when="period_end")
    code("HALF", 50)
    apply_promotion_code(subscriber, "HALF")
    assert renewal() == 1000
    assert held() == [50]


@pytest.mark.parametrize("status", [500, 400])
def test_a_code_whose_second_call_failed_is_completed_by_entering_it_again(
    row, subscriber, code, renewal, stripe_sandbox, status
):
    change_quantity(subscriber, 1, when="period_end")
    code("HALF", 50, max_redemptions=1)
    fault = Fault(method="POST", path=f"{SCHEDULES}/", status=status)
    stripe_sandbox.engine.faults.append(fault)
    with pytest.raises((StripeUnavailableError, PromotionCodeError)):
        apply_promotion_code(subscriber, "HALF")
    apply_promotion_code(subscriber, "HALF")
    assert renewal() == 1000


def test_a_coupon_counts_for_a_scheduled_change_too(
    row, subscriber, coupon, renewal, stripe_sandbox
):
    change_quantity(subscriber, 1, when="period_end")
    half = coupon(50)
    stripe_sandbox.engine.faults.append(Fault(method="POST", path=f"{SCHEDULES}/", status=500))
    with pytest.raises(StripeUnavailableError):
        apply_coupon(Subscription.objects.get(), coupon=half, cause=STAFF)
    apply_coupon(Subscription.objects.get(), coupon=half, cause=STAFF)
    with pytest.raises(NothingToChangeError):
        apply_coupon(Subscription.objects.get(), coupon=half, cause=STAFF)
    assert renewal() == 1000


def test_a_code_stays_with_an_end_that_a_schedule_has_set(
    row, subscriber, code, held, stripe_sandbox
):
    change_quantity(subscriber, 1, when="period_end")
    cancel(subscriber)
    code("HALF", 50)
    assert apply_promotion_code(subscriber, "HALF").is_ending
    assert held() == [50]


# By staff


def test_staff_gives_a_coupon_that_exists_once(row, subscriber, coupon, held):
    half = coupon(50)
    apply_coupon(row, coupon=half, cause=STAFF)
    with pytest.raises(NothingToChangeError):
        apply_coupon(row, coupon=half, cause=STAFF)
    with pytest.raises(PromotionCodeError, match="nothing_like_it"):
        apply_coupon(row, coupon="nothing_like_it", cause=STAFF)
    assert held() == [50]


def test_staff_gives_no_coupon_where_nothing_is_invoiced(row, subscriber, coupon):
    pause(subscriber)
    with pytest.raises(SubscriptionStateError):
        apply_coupon(Subscription.objects.get(), coupon=coupon(50), cause=STAFF)
    cancel(subscriber, when="now")
    with pytest.raises(SubscriptionStateError):
        apply_coupon(Subscription.objects.get(), coupon=coupon(50), cause=STAFF)


def test_a_coupon_changes_nobodys_access(row, coupon):
    before = EntitlementChange.objects.count()
    apply_coupon(row, coupon=coupon(100), cause=STAFF)
    assert EntitlementChange.objects.count() == before


# In Checkout


@pytest.mark.parametrize("is_allowed", [False, True])
def test_checkout_asks_for_a_code_where_the_setting_says_so(
    client, user, subscriber, shop, stripe_sandbox, settings, code, is_allowed
):
    shop.sync()
    code("HALF", 50)
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "ALLOW_PROMOTION_CODES": is_allowed}
    client.force_login(user)
    client.post(reverse("stripe_billing:checkout"), {"price": "pro_monthly"})
    [session] = shop.call("GET", "/v1/checkout/sessions")["data"]
    assert session["allow_promotion_codes"] is (True if is_allowed else None)


def test_a_code_typed_in_at_checkout_counts_for_the_subscription(
    client, user, shop, stripe_sandbox, settings, code
):
    shop.sync()
    code("HALF", 50)
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "ALLOW_PROMOTION_CODES": True}
    client.force_login(user)
    url = client.post(reverse("stripe_billing:checkout"), {"price": "pro_monthly"})["Location"]
    form = {"action": "promotion", "promotion_code": "half"}
    checkout_page.answer(stripe_sandbox.engine, url.rpartition("/")[2], "POST", form)
    stripe_sandbox.pay(url)
    stripe_sandbox.deliver()
    [subscription] = shop.call("GET", "/v1/subscriptions")["data"]
    assert len(subscription["discounts"]) == 1
    invoice = shop.call("GET", f"/v1/invoices/{subscription['latest_invoice']}")
    assert invoice["amount_paid"] == 1000
