"""Fetching by id and applying: nothing held while Stripe is asked, nothing lost meanwhile."""

import pytest
from django.db import connection, transaction

from django_stripe_billing.exceptions import StripeError, StripeUnavailableError, UnsettledError
from django_stripe_billing.models import Customer, Entitlement, Subscription
from django_stripe_billing.rules.ordering import Interval, Verdict
from django_stripe_billing.rules.snapshots import parse_subscription
from django_stripe_billing.stripe_api import CallableHTTPClient, counted_calls
from django_stripe_billing.sync import (
    Cause,
    SubscriptionReading,
    apply_subscriptions,
    settle,
    sync_customer,
    sync_customer_subscriptions,
    sync_subscription,
)
from tests.payloads import NOW, item, items, subscription

pytestmark = pytest.mark.django_db(transaction=True)

CAUSE = Cause(kind="person", id="root")
PATH = "/v1/subscriptions/sub_1"


def store(quantity, moment, **values):
    content = subscription(items=items(item(quantity=quantity)), **values)
    reading = SubscriptionReading(
        snapshot=parse_subscription(content), interval=Interval(low=moment, high=moment)
    )
    return apply_subscriptions([reading], cause=CAUSE)[0]


def quantity():
    return Subscription.objects.get().items.get().quantity


@pytest.fixture
def meanwhile(stripe_answers, settings):
    """Something that happens while each of Stripe's answers is on its way."""

    def meanwhile(action):
        def handle(*arguments):
            answer = stripe_answers.handle(*arguments)
            assert not connection.in_atomic_block
            action()
            return answer

        client = CallableHTTPClient(handle)
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": client}

    return meanwhile


def test_a_fetched_subscription_is_stored(catalog, customer, stripe_answers):
    stripe_answers.objects[PATH] = subscription()
    with counted_calls() as calls:
        outcome = sync_subscription("sub_1", cause=CAUSE)
    assert (outcome.verdict, calls["calls"]) == (Verdict.NEWER, 1)
    assert Entitlement.objects.count() == 2


def test_a_fetch_wins_over_a_payload_of_the_same_moment(catalog, customer, stripe_answers):
    store(1, NOW)
    stripe_answers.objects[PATH] = subscription(items=items(item(quantity=2)))
    stripe_answers.date = lambda: NOW
    sync_subscription("sub_1", cause=CAUSE)
    assert quantity() == 2


def test_what_arrives_while_stripe_is_asked_is_not_overwritten(
    catalog, customer, stripe_answers, meanwhile
):
    """The answer was written before the change that a webhook has stored meanwhile."""
    store(1, NOW - 100)
    stripe_answers.objects[PATH] = subscription(items=items(item(quantity=1)))
    stripe_answers.date = lambda: NOW - 50
    meanwhile(lambda: store(7, NOW))
    assert sync_subscription("sub_1", cause=CAUSE).verdict is Verdict.STALE
    assert quantity() == 7


def test_one_that_keeps_changing_is_given_up_on_for_now(
    catalog, customer, stripe_answers, meanwhile
):
    stripe_answers.objects[PATH] = subscription(items=items(item(quantity=99)))
    moments = [NOW]
    stripe_answers.date = lambda: moments[-1]

    def change():
        moments.append(moments[-1] + 1)
        store(len(moments), moments[-1])

    meanwhile(change)
    with pytest.raises(UnsettledError):
        sync_subscription("sub_1", cause=CAUSE, attempts=3)
    assert len(stripe_answers.requests) == 3


def test_stripe_is_not_asked_inside_a_transaction(catalog, customer, stripe_answers):
    with transaction.atomic(), pytest.raises(RuntimeError):
        sync_subscription("sub_1", cause=CAUSE)
    with transaction.atomic(), pytest.raises(RuntimeError):
        sync_customer(customer, cause=CAUSE)
    assert stripe_answers.requests == []


@pytest.mark.parametrize("answer", [{}, {"id": "sub_2", "customer": "cus_1"}, {"id": "sub_1"}])
def test_an_answer_about_something_else_is_an_error(catalog, customer, stripe_answers, answer):
    stripe_answers.objects[PATH] = answer
    with pytest.raises(StripeError):
        sync_subscription("sub_1", cause=CAUSE)
    assert not Subscription.objects.exists()


def test_only_the_ambiguous_readings_are_fetched(catalog, customer, stripe_answers):
    store(1, NOW)
    stripe_answers.objects[PATH] = subscription(items=items(item(quantity=3)))
    readings = [
        SubscriptionReading(snapshot=parse_subscription(content), interval=interval)
        for content, interval in [
            (subscription(items=items(item(quantity=2))), Interval(low=NOW - 5, high=NOW + 5)),
            (
                subscription("sub_2", items=items(item("si_2"))),
                Interval(low=NOW - 5, high=NOW + 5),
            ),
        ]
    ]
    outcomes = settle(readings, cause=CAUSE)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.NEWER, Verdict.NEWER]
    assert [path for _, path, _, _ in stripe_answers.requests] == [PATH]
    assert Subscription.objects.get(stripe_id="sub_1").items.get().quantity == 3


class TestCustomers:
    def listed(self, stripe_answers, *rows):
        stripe_answers.objects["/v1/subscriptions"] = {
            "object": "list",
            "data": list(rows),
            "has_more": False,
        }

    def test_a_customer_is_read_with_all_its_subscriptions(self, catalog, customer, stripe_answers):
        stripe_answers.objects["/v1/customers/cus_1"] = {
            "id": "cus_1",
            "object": "customer",
            "email": "new@example.com",
        }
        ended = subscription("sub_2", status="canceled", items=items(item("si_2")))
        self.listed(stripe_answers, subscription(), ended)
        sync_customer(customer, cause=CAUSE)
        customer.refresh_from_db()
        assert customer.email == "new@example.com"
        assert customer.subscriptions.count() == 2
        assert Entitlement.objects.count() == 2
        assert [path for _, path, _, _ in stripe_answers.requests] == [
            "/v1/customers/cus_1",
            "/v1/subscriptions?customer=cus_1&status=all&limit=100",
        ]

    def test_a_deleted_customer_loses_everything(self, catalog, customer, stripe_answers):
        store(1, NOW)
        stripe_answers.objects["/v1/customers/cus_1"] = {"id": "cus_1", "deleted": True}
        sync_customer(customer, cause=CAUSE)
        customer.refresh_from_db()
        assert customer.is_deleted
        assert not Entitlement.objects.exists()

    def test_one_that_is_not_in_stripe_yet_is_left_alone(self, subscriber, stripe_answers):
        sync_customer(Customer.objects.create(subscriber=subscriber), cause=CAUSE)
        assert stripe_answers.requests == []

    def test_an_account_that_acts_as_a_customer_is_asked_for_by_its_own_name(
        self, catalog, stripe_answers
    ):
        customer = Customer.objects.create(stripe_id="acct_9")
        self.listed(stripe_answers, subscription(customer=None, customer_account="acct_9"))
        sync_customer(customer, cause=CAUSE)
        assert customer.subscriptions.count() == 1
        [(_, path, _, _)] = stripe_answers.requests
        assert path == "/v1/subscriptions?customer_account=acct_9&status=all&limit=100"

    def test_a_connected_accounts_customer_is_read_there(self, catalog, stripe_answers):
        customer = Customer.objects.create(stripe_id="cus_1", account="acct_1")
        stripe_answers.objects["/v1/customers/cus_1"] = {"id": "cus_1"}
        self.listed(stripe_answers, subscription())
        sync_customer(customer, cause=CAUSE)
        assert {headers["Stripe-Account"] for _, _, _, headers in stripe_answers.requests} == {
            "acct_1"
        }
        assert Subscription.objects.get().account == "acct_1"

    def test_what_was_stored_stays_when_stripe_breaks_off(self, catalog, customer, stripe_answers):
        self.listed(stripe_answers, subscription())
        stripe_answers.objects["/v1/subscriptions"]["has_more"] = True
        with pytest.raises(StripeUnavailableError):
            sync_customer_subscriptions("cus_1", cause=CAUSE)
        assert Subscription.objects.count() == 1

    def test_an_answer_that_cannot_be_read_is_an_error(self, catalog, customer, stripe_answers):
        stripe_answers.objects["/v1/customers/cus_1"] = {"object": "customer"}
        with pytest.raises(StripeError, match="can't be read"):
            sync_customer(customer, cause=CAUSE)

    def test_one_that_keeps_changing_is_given_up_on_for_now(
        self, catalog, customer, stripe_answers, meanwhile
    ):
        stripe_answers.objects["/v1/customers/cus_1"] = {"id": "cus_1", "email": "stripe@a.b"}
        stripe_answers.date = lambda: NOW

        def change():
            row = Customer.objects.get()
            row.email = f"{row.revision}@a.b"
            row.observe(Interval(low=NOW, high=NOW))
            row.save()

        meanwhile(change)
        with pytest.raises(UnsettledError):
            sync_customer(customer, cause=CAUSE)
        assert len(stripe_answers.requests) == 5
