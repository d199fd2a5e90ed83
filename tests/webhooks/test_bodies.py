"""Signed bodies that are odd: stored as any database can hold them, and never taken for another."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_stripe_billing.models import Customer, Entitlement, Event, Product, Subscription
from tests.mutations import mutations
from tests.payloads import encoded, event, signed, subscription

from .test_view import post

pytestmark = pytest.mark.django_db

CONNECT_SECRET = "whsec_of_connected_accounts"
UPDATED = "customer.subscription.updated"


@pytest.fixture(autouse=True)
def stripe(stripe_answers, settings):
    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "CONNECT_WEBHOOK_SECRETS": [CONNECT_SECRET],
        "CONNECT_ACCOUNTS": ["acct_1"],
    }
    return stripe_answers


def post_connected(payload):
    body = payload if isinstance(payload, bytes) else encoded(payload)
    return post(body, HTTP_STRIPE_SIGNATURE=signed(body, secret=CONNECT_SECRET))


@pytest.mark.parametrize("junk", ["a\0b", "a\ud800b", "\udfff", "\U0001f600", "é" * 9000, 2**70])
def test_any_value_is_stored(catalog, customer, junk):
    payload = event(UPDATED, subscription(metadata={"note": junk}, **{str(junk)[:50]: junk}))
    assert post(json.dumps(payload).encode()).status_code == 200
    assert Event.objects.get().status == Event.Status.PROCESSED
    assert Entitlement.objects.count() == 2


@pytest.mark.parametrize("junk", ["a\0b", "a\ud800b", "\U0001f600" * 300, "é" * 9000])
@pytest.mark.parametrize("event_type", ["customer.updated", "product.updated"])
def test_any_name_is_stored(event_type, junk):
    named = {"id": "x_1", "name": junk, "email": junk, "metadata": {junk: junk}, "active": True}
    assert post(json.dumps(event(event_type, named)).encode()).status_code == 200
    assert Customer.objects.count() + Product.objects.count() == 1


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": 1e999}', b'{"a":' * 40 + b"1" + b"}" * 40])
def test_a_body_that_no_database_holds_is_a_400_and_no_row(body):
    payload = event("galaxy.exploded", {"id": "gx_1"})
    text = json.dumps(payload).encode()[:-1] + b', "odd": ' + body + b"}"
    assert post(text).status_code == 400
    assert not Event.objects.exists()


@pytest.mark.parametrize("account", ["", 5, [], {}, "x" * 65, True])
def test_an_account_that_cannot_be_read_is_not_taken_for_the_platform(catalog, customer, account):
    body = encoded(event(UPDATED, subscription(), account=account))
    assert post(body).status_code == 400
    assert post_connected(body).status_code == 400
    assert not Subscription.objects.exists()


def test_a_connected_accounts_event_stays_apart_from_the_platforms(catalog, customer):
    post_connected(event(UPDATED, subscription(), account="acct_1"))
    row = Subscription.objects.get()
    assert (row.account, row.customer.account, row.customer.subscriber) == (
        "acct_1",
        "acct_1",
        None,
    )
    assert not Entitlement.objects.exists()
    gone = {"id": "cus_1", "object": "customer"}
    post_connected(event("customer.deleted", gone, account="acct_1"))
    customer.refresh_from_db()
    assert not customer.is_deleted
    post(event(UPDATED, subscription()))
    assert Subscription.objects.count() == 2
    assert Entitlement.objects.get(feature__lookup_key="reports").customer == customer


def test_an_account_that_acts_as_a_customer_is_one(catalog):
    owned = subscription(customer=None, customer_account="acct_9")
    assert post(event(UPDATED, owned)).status_code == 200
    row = Customer.objects.get()
    assert (row.stripe_id, row.subscriber) == ("acct_9", None)
    assert Event.objects.get().customer_id == "acct_9"


def test_a_thin_event_is_ignored_and_says_what_is_needed(catalog):
    thin = {
        "id": "evt_thin",
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "created": "2026-11-23T00:00:00.000Z",
        "livemode": False,
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
    }
    assert post(thin).status_code == 200
    row = Event.objects.get()
    assert (row.status, row.object_id) == (Event.Status.IGNORED, "sub_1")
    assert "snapshot payloads" in row.note
    assert f"{row.stripe_created_at:%Y-%m-%d}" == "2026-11-23"


def test_a_thin_event_in_a_snapshots_clothes_changes_nothing(catalog, customer):
    thin = event(UPDATED, {}, related_object={"id": "sub_1"}, object="v2.core.event")
    assert post({**thin, "created": "2026-11-23T00:00:00Z"}).status_code == 200
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(
    ("payload", "hidden"),
    [
        ({"object": "billing_portal.session", "url": "https://billing.stripe.com/p/hush"}, "hush"),
        ({"object": "payment_intent", "client_secret": "pi_1_secret_hush"}, "hush"),
        ({"object": "checkout.session", "url": "https://checkout.stripe.com/c/hush"}, "hush"),
        ({"a": [{"object": "ephemeral_key", "secret": "ek_test_hush"}]}, "hush"),
    ],
)
def test_what_would_let_a_reader_act_is_not_stored(payload, hidden):
    assert post(event("galaxy.exploded", {"id": "gx_1", **payload})).status_code == 200
    row = Event.objects.get()
    assert hidden not in json.dumps(row.payload)
    assert row.payload["data"]["object"]["id"] == "gx_1"


@pytest.mark.parametrize("payload", [None, [], "x", 5, {"id": None}, {"id": {"id": "sub_1"}}])
@pytest.mark.parametrize(
    "event_type",
    [
        UPDATED,
        "customer.updated",
        "customer.deleted",
        "product.updated",
        "product.deleted",
        "price.updated",
        "price.deleted",
        "checkout.session.completed",
        "entitlements.active_entitlement_summary.updated",
    ],
)
def test_an_object_without_its_id_does_nothing(catalog, event_type, payload):
    assert post(event(event_type, payload)).status_code == 200
    assert Event.objects.get().status in {Event.Status.IGNORED, Event.Status.PROCESSED}
    assert not Entitlement.objects.exists()


SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "mode": "subscription",
    "status": "complete",
    "payment_status": "paid",
    "customer": "cus_1",
    "subscription": "sub_1",
    "metadata": {},
}
PRODUCT = {
    "id": "prod_pro",
    "object": "product",
    "name": "Pro",
    "description": None,
    "active": True,
    "metadata": {"limit:seats": "3", "grace_days": "5"},
}
PRICE = {
    "id": "price_pro",
    "object": "price",
    "product": "prod_pro",
    "active": True,
    "type": "recurring",
    "currency": "usd",
    "unit_amount": 500,
    "lookup_key": "pro",
    "nickname": None,
    "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
    "metadata": {"trial_days": "3"},
}
CUSTOMER = {
    "id": "cus_1",
    "object": "customer",
    "email": "ada@example.com",
    "name": "Ada",
    "livemode": False,
    "test_clock": None,
}
SUMMARY = {
    "object": "entitlements.active_entitlement_summary",
    "customer": "cus_1",
    "entitlements": {"object": "list", "data": [{"lookup_key": "reports"}], "has_more": False},
}


@pytest.mark.parametrize(
    ("event_type", "original"),
    [
        (UPDATED, subscription()),
        ("customer.updated", CUSTOMER),
        ("customer.deleted", CUSTOMER),
        ("product.updated", PRODUCT),
        ("price.updated", PRICE),
        ("price.deleted", PRICE),
        ("checkout.session.completed", SESSION),
        ("entitlements.active_entitlement_summary.updated", SUMMARY),
    ],
)
@settings(
    max_examples=50,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_mutation_is_answered_with_an_error(
    catalog, customer, stripe, event_type, original, data
):
    """Stripe would send it again and again. What is fetched is Stripe's good object."""
    stripe.objects["/v1/subscriptions/sub_1"] = subscription()
    mutated = data.draw(mutations(original))
    answer = post(json.dumps(event(event_type, mutated)).encode())
    if answer.status_code != 200:  # it names an object that Stripe does not have
        assert "No such object" in Event.objects.first().error
    features = Entitlement.objects.values_list("feature__lookup_key", flat=True)
    assert set(features) <= {"reports", "seats"}
    Subscription.objects.all().delete()
    Customer.objects.exclude(pk=customer.pk).delete()
