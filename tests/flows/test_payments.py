"""One-off payments: days that end, a debit that pays days later, money that goes back."""

import pytest

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import Payment
from tests.payments.conftest import DAY, FAILS, SUCCEEDS, held, paid_at, ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("payer")]


def test_days_that_were_bought_end_by_the_clock_alone(buy, subscriber, clock):
    session = buy("pass")
    assert held() == ticket(paid_at(session) + 30 * DAY)
    clock.advance(days=29)
    assert has_feature(subscriber, "export")
    clock.advance(days=2, delivers=False)
    assert not has_feature(subscriber, "export")


def test_days_bought_again_go_on_after_the_first_ones(buy, subscriber, clock):
    first = buy("pass")
    clock.advance(days=20)
    second = buy("pass")
    assert paid_at(second) == paid_at(first) + 20 * DAY
    clock.advance(days=35, delivers=False)
    assert has_feature(subscriber, "export")
    clock.advance(days=6, delivers=False)
    assert not has_feature(subscriber, "export")


def test_a_debit_grants_when_it_has_paid_and_its_days_count_from_then(shop, buy, subscriber, clock):
    session = buy("pass", payment_method=shop.sepa(SUCCEEDS))
    begun = clock.now
    assert (Payment.objects.get().status, held()) == ("unpaid", [])
    clock.advance(days=10)
    assert Payment.objects.get().status == "paid"
    assert begun < paid_at(session) < clock.now
    assert held() == ticket(paid_at(session) + 30 * DAY)
    clock.advance(days=29, delivers=False)
    assert not has_feature(subscriber, "export")


def test_a_debit_that_the_bank_refuses_days_later_grants_nothing(shop, buy, clock):
    buy("book", payment_method=shop.sepa(FAILS))
    clock.advance(days=10)
    assert (Payment.objects.get().status, held()) == ("failed", [])


def test_a_refund_weeks_later_takes_what_was_bought_for_good(shop, buy, subscriber, clock):
    session = buy("book")
    clock.advance(days=400)
    assert has_feature(subscriber, "reports")
    shop.refund(session)
    clock.advance(hours=1)
    assert not has_feature(subscriber, "reports")


@pytest.mark.parametrize("is_won", [True, False])
def test_a_dispute_takes_it_until_it_is_won(shop, buy, subscriber, clock, is_won):
    session = buy("book")
    clock.advance(days=20)
    dispute = shop.dispute(session)
    clock.advance(hours=1)
    assert not has_feature(subscriber, "reports")
    clock.advance(days=6)
    shop.decide(dispute, is_won=is_won)
    clock.advance(hours=1)
    assert has_feature(subscriber, "reports") is is_won
