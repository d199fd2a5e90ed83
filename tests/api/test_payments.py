"""One-off payments by REST: their own, in pages, newest first."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model

from django_stripe_billing.models import Customer, Payment
from django_stripe_billing.payments import payments_of

from ..payments.conftest import OnceShop
from ..statements import statements
from .conftest import signed_in_as, url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(stripe_sandbox):
    return OnceShop(stripe_sandbox)


@pytest.fixture
def buy(shop, api, stripe_sandbox):
    def buy(price, quantity=1, **payment):
        answer = api.post(url("checkout"), {"price": price, "quantity": quantity})
        session = stripe_sandbox.pay(answer.json()["url"], **payment)
        stripe_sandbox.deliver()
        return session

    return buy


def test_what_is_bought_for_good_and_by_the_day(buy, api):
    book, ticket = buy("book", 2), buy("pass")
    found = api.get(url("payments")).json()
    assert (found["count"], found["next"], found["previous"]) == (2, None, None)
    assert [row["id"] for row in found["results"]] == [ticket["id"], book["id"]]
    passing, lasting = found["results"]
    assert (lasting["amount"], lasting["amount_text"], lasting["currency"]) == (
        10_000,
        "€100.00",
        "eur",
    )
    assert (lasting["status"], lasting["amount_refunded"]) == ("paid", 0)
    assert (lasting["has_access"], lasting["access_ends_at"]) == (True, None)
    paid_at = Payment.objects.get(stripe_id=ticket["id"]).paid_at
    end = datetime.fromisoformat(passing["access_ends_at"])
    assert passing["has_access"] is True
    assert end == paid_at + timedelta(days=30)
    [item] = lasting["items"]
    assert item["quantity"] == 2
    assert item["price"].startswith("price_")
    assert api.get(url("payment", stripe_id=book["id"])).json() == lasting


def test_a_refund_is_shown_and_takes_the_access(buy, shop, api, stripe_sandbox):
    book = buy("book")
    shop.refund(book)
    stripe_sandbox.deliver()
    row = api.get(url("payment", stripe_id=book["id"])).json()
    assert (row["amount"], row["amount_refunded"]) == (5000, 5000)
    assert (row["has_access"], row["access_ends_at"]) == (False, None)


def test_a_dispute_is_shown(buy, shop, api, stripe_sandbox):
    book = buy("book")
    shop.dispute(book)
    stripe_sandbox.deliver()
    row = api.get(url("payment", stripe_id=book["id"])).json()
    assert (row["is_disputed"], row["has_access"]) == (True, False)


def test_they_are_nobody_elses(buy, api, other_subscriber):
    book = buy("book")
    eve = signed_in_as(get_user_model().objects.get(username="eve"))
    assert eve.get(url("payments")).json()["results"] == []
    answer = eve.get(url("payment", stripe_id=book["id"]))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_they_come_in_pages_with_as_many_queries_for_a_hundred_as_for_one(api, subscriber):
    customer = Customer.objects.create(stripe_id="cus_1", subscriber=subscriber)
    for number in range(45):
        Payment.objects.create(
            stripe_id=f"cs_test_{number}",
            customer=customer,
            status="paid",
            observed_low=0,
            observed_high=0,
        )
    asked = {"page": 2, "page_size": 40}
    with statements() as asked_of_database:
        found = api.get(url("payments"), asked).json()
    assert [row["id"] for row in found["results"]] == [f"cs_test_{n}" for n in range(4, -1, -1)]
    assert "page=1" in found["previous"] or "page_size=40" in found["previous"]
    assert len([sql for sql in asked_of_database if "stripe_billing_" in sql]) == 3
    assert api.get(url("payments"), {"page": 3}).json()["next"] is None
    answer = api.get(url("payments"), {"page": 4})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for wrong in ({"page": "x"}, {"page": 0}, {"page_size": 101}, {"page_size": -1}):
        answer = api.get(url("payments"), wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("status", ["", "missing"])
def test_what_stripe_has_not_told_of_is_not_listed(api, subscriber, status):
    customer = Customer.objects.create(stripe_id="cus_1", subscriber=subscriber)
    Payment.objects.create(
        stripe_id="cs_test_1", customer=customer, status=status, observed_low=0, observed_high=0
    )
    assert api.get(url("payments")).json()["count"] == 0


def test_nobody_has_none():
    assert not payments_of(None).exists()
