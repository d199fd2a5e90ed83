"""Webhooks that arrive at the same moment."""

from functools import partial

import pytest

from django_stripe_billing.models import (
    Customer,
    Entitlement,
    EntitlementChange,
    Event,
    Subscription,
)
from tests.payloads import NOW, event, item, items, subscription
from tests.threads import needs_threads, together

from .test_view import post

pytestmark = [needs_threads, pytest.mark.django_db(transaction=True)]

ROUNDS = 15


@pytest.fixture(autouse=True)
def stripe(stripe_answers):
    return stripe_answers


def status_of(payload):
    return post(payload).status_code


def test_events_of_one_new_customer_all_settle(catalog, stripe):
    for number in range(ROUNDS):
        customer = f"cus_{number}"
        bought = [
            subscription(f"sub_{number}_{n}", customer, items=items(item(f"si_{number}_{n}")))
            for n in range(4)
        ]
        profile = {"id": customer, "object": "customer", "email": "ada@example.com"}
        payloads = [event("customer.subscription.created", one) for one in bought]
        payloads.append(event("customer.created", profile))
        statuses = together(*(partial(status_of, payload) for payload in payloads))
        assert statuses == [200] * 5
        row = Customer.objects.get(stripe_id=customer)
        assert row.email == "ada@example.com"
        assert row.subscriptions.count() == 4
        assert row.entitlements.count() == 8
    assert not Event.objects.exclude(status=Event.Status.PROCESSED).exists()


def test_copies_of_one_event_have_one_effect(catalog, customer):
    for number in range(ROUNDS):
        payload = event("customer.subscription.created", subscription(f"sub_{number}"))
        statuses = together(*[partial(status_of, payload)] * 5)
        assert statuses == [200] * 5
    assert Event.objects.count() == ROUNDS
    assert set(Event.objects.values_list("attempts", flat=True)) == {1}
    assert Entitlement.objects.count() == 2 * ROUNDS
    assert EntitlementChange.objects.count() == 2 * ROUNDS


def test_events_of_one_subscription_end_with_the_last(catalog, customer, stripe):
    for number in range(ROUNDS):
        subscription_id = f"sub_{number}"
        versions = [
            subscription(subscription_id, items=items(item(f"si_{number}", quantity=quantity)))
            for quantity in range(1, 6)
        ]
        stripe.objects[f"/v1/subscriptions/{subscription_id}"] = versions[-1]
        payloads = [
            event("customer.subscription.updated", version, created=NOW - 100 + moment)
            for moment, version in enumerate(versions)
        ]
        assert together(*(partial(status_of, payload) for payload in payloads)) == [200] * 5
        [row] = Subscription.objects.get(stripe_id=subscription_id).items.all()
        assert row.quantity == 5
        seats = Entitlement.objects.get(source_id=subscription_id, feature__lookup_key="seats")
        assert seats.limit == 25
