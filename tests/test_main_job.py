"""Buy → webhook → access → end, through the pages and the sandbox."""

import random

import pytest
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing.access import explain, has_feature, limit
from django_stripe_billing.models import Customer, Entitlement, Event

from .shop import DAY

pytestmark = pytest.mark.django_db(transaction=True)


def buy(client, price="pro_monthly", **fields):
    answer = client.post(reverse("stripe_billing:checkout"), {"price": price, **fields})
    assert answer.status_code == 303, answer.content
    return answer["Location"]


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


def test_buying_grants_when_the_webhook_arrives_and_not_before(
    shop, stripe_sandbox, signed_in, subscriber
):
    url = buy(signed_in, quantity=3)
    stripe_sandbox.deliver()
    assert not has_feature(subscriber, "reports")
    stripe_sandbox.pay(url)
    assert not has_feature(subscriber, "reports")
    assert set(stripe_sandbox.deliver()) == {200}
    assert has_feature(subscriber, "reports")
    assert limit(subscriber, "seats") == 15
    assert "grants it until" in str(explain(subscriber, "reports"))


def test_the_return_page_reads_stripe_and_uses_the_same_door(
    shop, stripe_sandbox, signed_in, subscriber
):
    url = buy(signed_in)
    session = stripe_sandbox.pay(url)
    stripe_sandbox.drop()
    page = signed_in.get(reverse("stripe_billing:checkout_return"), {"session_id": session["id"]})
    assert "is active" in page.content.decode()
    assert has_feature(subscriber, "reports")


def test_events_shuffled_and_doubled_end_in_the_same_state(
    shop, stripe_sandbox, signed_in, subscriber
):
    session = stripe_sandbox.pay(buy(signed_in, quantity=2))
    path = f"/v1/subscriptions/{session['subscription']}"
    item = shop.call("GET", path)["items"]["data"][0]["id"]
    for quantity in (4, 7, 5):
        shop.call("POST", path, {"items": [{"id": item, "quantity": quantity}]})
    stripe_sandbox.deliver(shuffle=random.Random(1), copies=2)
    assert limit(subscriber, "seats") == 25
    shop.call("DELETE", path)
    stripe_sandbox.deliver(shuffle=random.Random(2), copies=3)
    assert not has_feature(subscriber, "reports")
    assert not Event.objects.filter(status=Event.Status.FAILED).exists()


def test_a_renewal_prolongs_access_and_a_failed_one_ends_it_after_the_grace(
    shop, stripe_sandbox, subscriber
):
    customer = shop.bind(subscriber)
    subscription = shop.subscribe(customer)
    stripe_sandbox.deliver()
    first = Entitlement.objects.first().ends_at
    stripe_sandbox.advance(31 * DAY)
    stripe_sandbox.deliver()
    renewed = Entitlement.objects.first().ends_at
    assert (renewed - first).days in {30, 31}
    failing = shop.call(
        "POST",
        "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
        {"customer": customer.stripe_id},
    )
    shop.call(
        "POST",
        f"/v1/subscriptions/{subscription['id']}",
        {"default_payment_method": failing["id"]},
    )
    stripe_sandbox.advance(31 * DAY)
    stripe_sandbox.deliver()
    row = Entitlement.objects.first()
    assert row.reason == "past_due_grace"
    assert (row.ends_at - row.subscription.items.get().current_period_start_at).days == 7


def test_a_customer_deleted_in_stripe_loses_everything(shop, stripe_sandbox, subscriber):
    customer = shop.bind(subscriber)
    shop.subscribe(customer)
    stripe_sandbox.deliver()
    assert has_feature(subscriber, "reports")
    shop.call("DELETE", f"/v1/customers/{customer.stripe_id}")
    stripe_sandbox.deliver(shuffle=random.Random(3))
    assert not has_feature(subscriber, "reports")
    assert Entitlement.objects.count() == 0


def test_a_subscription_of_a_customer_that_we_did_not_bind_grants_nobody(
    shop, stripe_sandbox, subscriber
):
    email = getattr(subscriber, "email", "")
    made = shop.add_customer(email=email, metadata={"subscriber": f"{subscriber.pk}"})
    shop.call(
        "POST",
        "/v1/subscriptions",
        {
            "customer": made["id"],
            "items": [{"price": shop.pro_monthly["id"]}],
            "metadata": {"subscriber": f"{subscriber.pk}"},
        },
    )
    stripe_sandbox.deliver()
    assert Customer.objects.get(stripe_id=made["id"]).subscriber is None
    assert not has_feature(subscriber, "reports")


def test_a_feature_taken_off_a_product_stays_until_the_running_period_ends(
    shop, stripe_sandbox, subscriber
):
    customer = shop.bind(subscriber)
    shop.subscribe(customer)
    stripe_sandbox.deliver()
    stripe_sandbox.engine.clock.advance(5)
    path = f"/v1/products/{shop.pro['id']}/features"
    for link in shop.call("GET", path)["data"]:
        if link["entitlement_feature"]["lookup_key"] == "reports":
            shop.call("DELETE", f"{path}/{link['id']}")
    shop.call("POST", path, {"entitlement_feature": shop.features["export"]["id"]})
    shop.sync()
    assert has_feature(subscriber, "export")
    row = Entitlement.objects.get(feature__lookup_key="reports")
    assert row.reason == "feature_removed"
    assert row.ends_at == row.subscription.items.get().current_period_end_at
    assert row.ends_at > timezone.now()
