"""Changes of a running subscription, and what the next renewals make of them."""

import pytest

from django_stripe_billing.access import has_feature, limit
from django_stripe_billing.models import Invoice
from django_stripe_billing.subscriptions import (
    accept_preview,
    apply_promotion_code,
    cancel,
    change_plan,
    change_quantity,
    pause,
    preview_change,
    resume,
    unpause,
)
from tests.renewals import HOUR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bought(payer, buy, clock):
    """Two units of pro, ten days old; the session."""
    session = buy("pro_monthly", quantity=2)
    clock.advance(days=10)
    return session


def totals():
    """Of all invoices, oldest first."""
    return list(Invoice.objects.order_by("stripe_created_at", "pk").values_list("total", flat=True))


def renew(clock, session):
    clock.to_renewal({"id": session["subscription"]})


def test_an_upgrade_costs_what_its_preview_said(shop, bought, subscriber, clock):
    shop.add_price(shop.pro, 9000, "pro_dear", quantity_max="10")
    shop.sync()
    preview = preview_change(subscriber, price="pro_dear", quantity=3)
    clock.advance(hours=0.2)
    accept_preview(subscriber, preview.token)
    clock.advance(hours=1)
    assert totals() == [4000, preview.total]
    assert Invoice.objects.latest("stripe_created_at").amount_paid == preview.amount_due
    assert 14_000 < preview.total < 16_000  # two thirds of a month of 270.00 instead of 40.00
    assert limit(subscriber, "seats") == 15
    renew(clock, bought)
    assert totals()[2:] == [27_000]


def test_seats_are_paid_from_the_day_on_which_they_come(bought, subscriber, clock):
    preview = preview_change(subscriber, quantity=4)
    change_quantity(subscriber, 4)
    clock.advance(hours=1)
    assert limit(subscriber, "seats") == 20
    assert totals() == [4000, preview.total]
    change_quantity(subscriber, 1)
    clock.advance(hours=1)
    renew(clock, bought)
    assert limit(subscriber, "seats") == 5
    assert sum(totals()) < 4000 + preview.total + 2000, "what was taken back is credited"
    renew(clock, bought)
    assert Invoice.objects.latest("stripe_created_at").total == 2000


def test_a_change_at_the_periods_end_waits_for_it(bought, subscriber, clock):
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    clock.advance(days=15)
    assert limit(subscriber, "seats") == 10
    renew(clock, bought)
    assert limit(subscriber, "seats") == 3
    assert totals() == [4000, 900]


def test_a_cancellation_ends_with_the_period_that_was_paid(
    bought, subscriber, clock, heard, at_stripe
):
    cancel(subscriber)
    end = at_stripe(bought)["items"]["data"][0]["current_period_end"]
    clock.to(end - HOUR)
    assert has_feature(subscriber, "reports")
    clock.to(end + 1, delivers=False)
    assert not has_feature(subscriber, "reports"), "by the clock alone"
    clock.advance(hours=2)
    assert heard.of("subscription_ended") == ["subscription_ended"]
    assert totals() == [4000]


def test_a_cancellation_that_is_taken_back_renews(bought, subscriber, clock):
    cancel(subscriber)
    clock.advance(days=5)
    resume(subscriber)
    renew(clock, bought)
    assert has_feature(subscriber, "reports")
    assert totals() == [4000, 4000]


def test_a_pause_brings_no_invoices_until_it_is_over(bought, subscriber, clock, at_stripe):
    pause(subscriber)
    clock.advance(days=50)
    assert not has_feature(subscriber, "reports")
    assert at_stripe(bought)["status"] == "paused"
    before = sum(row.amount_paid for row in Invoice.objects.all())
    unpause(subscriber)
    clock.advance(hours=1)
    assert has_feature(subscriber, "reports")
    assert sum(row.amount_paid for row in Invoice.objects.all()) > before
    renew(clock, bought)
    assert totals()[-1] == 4000


def test_a_code_takes_off_as_many_renewals_as_it_says(shop, bought, subscriber, clock):
    coupon = {"percent_off": 25, "duration": "repeating", "duration_in_months": 2}
    made = shop.call("POST", "/v1/coupons", coupon)
    code = {"promotion": {"type": "coupon", "coupon": made["id"]}, "code": "SPRING"}
    shop.call("POST", "/v1/promotion_codes", code)
    apply_promotion_code(subscriber, "SPRING")
    for _month in range(3):
        renew(clock, bought)
    assert totals() == [4000, 3000, 3000, 4000]
