"""Three years of a customer, from the trial to coming back, whatever becomes of the events."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from django_stripe_billing.access import dunning_of
from django_stripe_billing.dunning import retry_payment
from django_stripe_billing.exceptions import PaymentDeclinedError
from django_stripe_billing.models import EmailMessage
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.subscriptions import (
    accept_preview,
    cancel,
    change_quantity,
    pause,
    preview_change,
    unpause,
)

pytestmark = pytest.mark.django_db(transaction=True)

LEEWAY, GRACE = timedelta(days=3), timedelta(days=7)
LETTERS = {
    "receipt": 8,
    "trial_ending": 1,
    "renewal_coming": 3,
    "payment_failed": 4,  # at the renewal, and after 3, 5 and 7 days
    "subscription_ended": 1,
}


def in_order(life):
    assert set(life.sandbox.deliver()) <= {200}


def shuffled_and_doubled(life):
    assert set(life.sandbox.deliver(shuffle=random.Random(4), copies=2)) <= {200}


def never(life):
    life.sandbox.drop()
    assert reconcile(apply=True, **life.reach).exit_code == 0


def years_after(moment, years):
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # the 29th of February
        return moment.replace(year=moment.year + years, day=28)


@pytest.mark.parametrize("arrive", [in_order, shuffled_and_doubled, never])
def test_three_years_of_a_customer(life, shop, subscriber, arrive):
    life.deliver = lambda: arrive(life)
    shop.sandbox.engine.end_of_dunning = "past_due"
    life.checked()
    assert life.has()

    # A trial of 14 days: granted when Stripe says so, and not before
    life.buy("starter_yearly")
    assert life.has()
    life.told()
    anchor = life.now + timedelta(days=14)
    assert life.has(seats=3, until=anchor + LEEWAY)
    life.pass_time(days=11, hours=1)
    life.told()
    assert life.has(seats=3, until=anchor + LEEWAY)

    # It is paid for a year
    life.pass_time(to=anchor + timedelta(hours=2))
    assert life.has(seats=3, until=anchor + LEEWAY)
    life.told()
    assert life.subscription["status"] == "active"
    assert life.has(seats=3, until=years_after(anchor, 1) + LEEWAY)

    # In spring, an upgrade: the rest of the year is charged, to the cent of the preview
    life.pass_time(days=100)
    preview = preview_change(subscriber, price="pro_yearly", quantity=2)
    accept_preview(subscriber, preview.token)
    year = years_after(anchor, 1) - anchor
    rest = (years_after(anchor, 1) - life.now) / year
    assert abs(preview.amount_due - (2 * 20_000 - 9_000) * rest) <= 1
    assert life.invoice["amount_paid"] == preview.amount_due
    life.checked()  # before any event
    life.told()
    assert life.has(seats=10, until=years_after(anchor, 1) + LEEWAY)

    # Another seat, and a book, which is bought for good
    life.pass_time(days=60)
    change_quantity(subscriber, 3)
    life.told()
    assert life.has(seats=15, until=years_after(anchor, 1) + LEEWAY)
    book = life.buy("book")
    assert life.has(seats=15, until=years_after(anchor, 1) + LEEWAY)
    life.told()
    assert life.has(seats=15, until=years_after(anchor, 1) + LEEWAY, export=True)

    # The year is over, and renewed; nobody is cut off while the event is on its way
    life.pass_time(to=years_after(anchor, 1) + timedelta(hours=2))
    assert life.has(seats=15, until=years_after(anchor, 1) + LEEWAY, export=True)
    life.told()
    assert life.invoice["amount_paid"] == 3 * 20_000
    assert life.has(seats=15, until=years_after(anchor, 2) + LEEWAY, export=True)

    # Some money goes back for a bad week: that takes nothing away
    shop.call("POST", "/v1/refunds", {"payment_intent": _intent(shop, life), "amount": 2_000})
    life.told()
    assert life.has(seats=15, until=years_after(anchor, 2) + LEEWAY, export=True)

    # From the next year on two units will do, and another card shall pay
    life.pass_time(days=200)
    life.use_card("pm_card_chargeCustomerFail")
    change_quantity(subscriber, 2, when="period_end")
    life.told()
    assert life.has(seats=15, until=years_after(anchor, 2) + LEEWAY, export=True)

    # It fails at the second renewal: a week of grace, and then the clock ends it
    life.pass_time(to=years_after(anchor, 2) + timedelta(hours=2))
    life.told()
    assert life.subscription["status"] == "past_due"
    assert life.has(seats=10, until=years_after(anchor, 2) + GRACE, export=True)
    assert dunning_of(subscriber).pay_url == life.invoice["hosted_invoice_url"]
    life.pass_time(days=4)
    life.told()
    assert life.has(seats=10, until=years_after(anchor, 2) + GRACE, export=True)
    life.pass_time(days=4)
    assert life.has(export=True)
    life.told()
    with pytest.raises(PaymentDeclinedError):
        retry_payment(subscriber)
    life.told()
    assert life.has(export=True)

    # A new card pays, and everything is back at once
    life.use_card("pm_card_visa")
    assert retry_payment(subscriber).amount_paid == 2 * 20_000
    life.checked()
    life.told()
    assert dunning_of(subscriber) is None
    assert life.has(seats=10, until=years_after(anchor, 3) + LEEWAY, export=True)

    # A pause of a month; then a new year begins, and is paid, less what was left of the old one
    life.pass_time(days=50)
    left = (years_after(anchor, 3) - life.now) / (years_after(anchor, 3) - years_after(anchor, 2))
    pause(subscriber)
    life.checked()
    life.told()
    assert life.has(export=True)
    life.pass_time(days=30)
    life.told()
    assert life.has(export=True)
    unpause(subscriber)
    assert abs(life.invoice["amount_paid"] - 2 * 20_000 * (1 - left)) <= 1
    life.checked()
    life.told()
    anchor = life.now
    assert life.has(seats=10, until=years_after(anchor, 1) + LEEWAY, export=True)

    # The book goes back: its whole price, and what it granted
    shop.call("POST", "/v1/refunds", {"payment_intent": book["payment_intent"]})
    life.told()
    assert life.has(seats=10, until=years_after(anchor, 1) + LEEWAY)

    # An end at the end of the paid year is exactly then
    life.pass_time(days=90)
    cancel(subscriber, feedback="unused")
    life.checked()
    life.told()
    assert life.has(seats=10, until=years_after(anchor, 1))
    life.pass_time(to=years_after(anchor, 1) - timedelta(minutes=1))
    assert life.has(seats=10, until=years_after(anchor, 1))
    life.pass_time(minutes=2)
    assert life.has()
    life.told()
    assert life.subscription["status"] == "canceled"
    assert life.has()

    # Two months later they are back, and pay at once: the trial was had
    life.pass_time(days=60)
    life.buy("starter_yearly")
    life.told()
    assert life.subscription["status"] == "active"
    assert life.invoice["amount_paid"] == 9_000
    assert life.has(seats=3, until=years_after(life.now, 1) + LEEWAY)
    if arrive is in_order:
        assert Counter(EmailMessage.objects.values_list("kind", flat=True)) == LETTERS


def _intent(shop, life):
    """The payment intent of the latest invoice."""
    wanted = {"invoice": life.invoice["id"]}
    [paid] = shop.call("GET", "/v1/invoice_payments", wanted)["data"]
    return paid["payment"]["payment_intent"]
