"""Webhooks that arrive at the same moment."""

import threading
import time
from functools import partial

import pytest
from django.db import transaction

from django_stripe_billing.models import (
    Customer,
    Entitlement,
    EntitlementChange,
    Event,
    Product,
    Subscription,
)
from django_stripe_billing.rules.catalog_snapshots import FeatureSnapshot
from django_stripe_billing.rules.ordering import Interval
from django_stripe_billing.sync import Cause, apply_feature, apply_product_features, recompute
from django_stripe_billing.webhooks import webhook_handler
from django_stripe_billing.webhooks.registry import unregister
from tests.payloads import NOW, event, item, items, subscription
from tests.threads import needs_threads, together

from .test_view import post

pytestmark = [needs_threads, pytest.mark.django_db(transaction=True)]

ROUNDS = 15


def status_of(payload):
    return post(payload).status_code


def test_events_of_one_new_customer_all_settle(catalog, stripe_answers):
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


def test_copies_of_one_event_have_one_effect(catalog, customer, stripe_answers):
    for number in range(ROUNDS):
        payload = event("customer.subscription.created", subscription(f"sub_{number}"))
        statuses = together(*[partial(status_of, payload)] * 5)
        assert statuses == [200] * 5
    assert Event.objects.count() == ROUNDS
    assert set(Event.objects.values_list("attempts", flat=True)) == {1}
    assert Entitlement.objects.count() == 2 * ROUNDS
    assert EntitlementChange.objects.count() == 2 * ROUNDS


def test_events_of_one_subscription_end_with_the_last(catalog, customer, stripe_answers):
    for number in range(ROUNDS):
        subscription_id = f"sub_{number}"
        versions = [
            subscription(subscription_id, items=items(item(f"si_{number}", quantity=quantity)))
            for quantity in range(1, 6)
        ]
        stripe_answers.objects[f"/v1/subscriptions/{subscription_id}"] = versions[-1]
        payloads = [
            event("customer.subscription.updated", version, created=NOW - 100 + moment)
            for moment, version in enumerate(versions)
        ]
        assert together(*(partial(status_of, payload) for payload in payloads)) == [200] * 5
        [row] = Subscription.objects.get(stripe_id=subscription_id).items.all()
        assert row.quantity == 5
        seats = Entitlement.objects.get(source_id=subscription_id, feature__lookup_key="seats")
        assert seats.limit == 25


def test_a_change_of_terms_and_its_subscribers_do_not_stop_each_other(
    catalog, stripe_answers, caplog
):
    """Each customer has the product already, and takes it once more while its terms change.

    Then each waits for what the other holds; the database breaks one off, and it begins anew.
    """
    Product.objects.create(stripe_id="prod_other", name="Other")
    customers = [f"cus_{number}" for number in range(4)]
    for number, one in enumerate(customers):
        for name, product in (("a", "prod_pro"), ("b", "prod_other")):
            lines = items(item(f"si_{name}{number}", product=product))
            bought = subscription(f"sub_{name}{number}", one, items=lines)
            assert status_of(event("customer.subscription.created", bought)) == 200
    for moment in range(1, 5):
        payloads = [
            event(
                "product.updated",
                {"id": "prod_pro", "active": True, "metadata": {"limit:seats": f"{moment}"}},
                created=NOW + moment,
            )
        ]
        product = "prod_pro" if moment % 2 else "prod_other"
        for number, one in enumerate(customers):
            lines = items(item(f"si_b{number}", product=product))
            switched = subscription(f"sub_b{number}", one, items=lines)
            payloads.append(event("customer.subscription.updated", switched, created=NOW + moment))
        statuses = together(*(partial(status_of, payload) for payload in payloads))
        assert statuses == [200] * 5
        seats = Entitlement.objects.filter(feature__lookup_key="seats")
        assert set(seats.values_list("limit", flat=True)) == {moment}
        assert seats.count() == (8 if moment % 2 else 4)


class TestTermsThatChangeMeanwhile:
    """A new subscription is in its transaction while the terms of its product change."""

    @pytest.fixture
    def pausing(self):
        """A handler that waits inside the subscription's transaction, after its work."""
        is_inside = threading.Event()

        def pause(row):
            is_inside.set()
            time.sleep(0.5)

        webhook_handler("customer.subscription.created")(pause)
        yield is_inside
        unregister(pause)

    def play(self, is_inside, change, payload):
        def change_then():
            assert is_inside.wait(10)
            return change()

        return together(partial(status_of, payload), change_then)

    def test_a_changed_limit_reaches_it(self, catalog, customer, pausing):
        product = {
            "id": "prod_pro",
            "object": "product",
            "name": "Pro",
            "active": True,
            "metadata": {"limit:seats": "9"},
        }
        change = partial(status_of, event("product.updated", product))
        payload = event("customer.subscription.created", subscription())
        assert self.play(pausing, change, payload) == [200, 200]
        assert Entitlement.objects.get(feature__lookup_key="seats").limit == 9

    def test_a_product_that_becomes_known_reaches_it(self, customer, pausing):
        def change():
            interval = Interval(low=NOW, high=NOW)
            feature = FeatureSnapshot(
                id="feat_1", lookup_key="reports", name="Reports", active=True, metadata=()
            )
            apply_feature(feature, interval)
            with transaction.atomic():
                apply_product_features("prod_pro", {"feat_1": "pf_1"}, interval)
                recompute(product_ids={"prod_pro"}, cause=Cause(kind="catalog"))

        payload = event("customer.subscription.created", subscription())
        self.play(pausing, change, payload)
        assert Entitlement.objects.get().feature.lookup_key == "reports"

    def test_another_rule_for_limits_reaches_it(self, shop, subscriber, pausing):
        customer = shop.bind(subscriber)
        seats = shop.features["seats"]
        path = f"/v1/entitlements/features/{seats['id']}"
        shop.call("POST", path, {"metadata": {"combine": "sum"}})
        lines = [item(one, product=shop.pro["id"]) for one in ("si_1", "si_2")]
        two = subscription("sub_1", customer.stripe_id, items=items(*lines))
        payload = event("customer.subscription.created", two)
        assert self.play(pausing, shop.sync, payload)[0] == 200
        assert Entitlement.objects.get(feature__lookup_key="seats").limit == 10
