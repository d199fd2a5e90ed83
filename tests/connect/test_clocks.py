"""Sales that are split, or made in a connected account, renewed on one of Stripe's test clocks."""

from datetime import UTC, datetime

import pytest
from django.test import RequestFactory
from django.utils import timezone

from django_stripe_billing.access import has_feature
from django_stripe_billing.checkout import start_checkout
from django_stripe_billing.connect import Split
from django_stripe_billing.models import Customer, Invoice
from tests.renewals import Time, clock

from .conftest import ACCOUNT

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["clock"]


@pytest.fixture
def split_as(configure):
    return lambda split: configure(CONNECT=lambda request, subscriber, **sale: split)


def fees(shop, customer):
    """Amount and fee of a customer's charges."""
    rows = shop.call("GET", "/v1/charges", {"customer": customer.stripe_id})["data"]
    return [(row["amount"], row["application_fee_amount"]) for row in rows]


def test_each_renewal_pays_the_fee_and_the_seller(
    shop, stripe_sandbox, split_as, buy, subscriber, clock
):
    split_as(Split(destination=ACCOUNT, on_behalf_of=ACCOUNT, application_fee_percent=10))
    payer = shop.bind(subscriber)
    session = stripe_sandbox.pay(buy(quantity=2))
    stripe_sandbox.deliver()
    for _month in range(2):
        clock.to_renewal({"id": session["subscription"]})
    assert fees(shop, payer) == [(4000, 400)] * 3
    assert has_feature(subscriber, "reports")
    assert [row.status for row in Invoice.objects.all()] == ["paid"] * 3


def test_a_subscription_of_a_connected_account_renews_there(
    seller, stripe_sandbox, split_as, subscriber, user, monkeypatch
):
    split_as(Split(application_fee_percent=15))
    time = Time(seller, stripe_sandbox)
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(time.now, UTC))
    made = seller.add_customer()
    stripe_sandbox.deliver()
    rows = Customer.objects.filter(stripe_id=made["id"], account=ACCOUNT)
    assert rows.update(subscriber=subscriber) == 1
    request = RequestFactory().get("/")
    request.user = user
    session = stripe_sandbox.pay(
        start_checkout(request, subscriber, price="pro_monthly", account=ACCOUNT)
    )
    stripe_sandbox.deliver()
    time.to_renewal({"id": session["subscription"]})
    assert fees(seller, rows.get()) == [(2000, 300)] * 2
    assert has_feature(subscriber, "reports", account=ACCOUNT)
    time.advance(days=35, delivers=False)
    assert not has_feature(subscriber, "reports", account=ACCOUNT), "nobody told of the renewal"
    time.advance(delivers=True)
    assert has_feature(subscriber, "reports", account=ACCOUNT)
