"""The way to Stripe's customer portal: a bearer link, for the subscriber's own customer."""

import json
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.urls import reverse, reverse_lazy

from django_stripe_billing.access import has_feature
from django_stripe_billing.exceptions import NoCustomerError, StripeUnavailableError
from django_stripe_billing.models import Customer
from django_stripe_billing.portal import start_portal

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/v1/billing_portal/sessions"
LINK = "https://billing.stripe.com/p/session/hush"


@pytest.fixture
def stripe(stripe_answers):
    stripe_answers.objects[PATH] = {"id": "bps_1", "url": LINK}
    return stripe_answers


def asked(stripe):
    [(method, path, body, _)] = stripe.requests
    assert (method, path) == ("POST", PATH)
    return {key: value for key, [value] in parse_qs(body).items()}


def test_the_link_is_of_the_subscribers_own_customer(rf, stripe, subscriber, customer):
    assert start_portal(rf.post("/", {"customer": "cus_of_another"}), subscriber) == LINK
    assert asked(stripe) == {"customer": "cus_1", "return_url": "http://testserver/"}


def test_an_account_that_acts_as_a_customer_has_its_own_parameter(rf, stripe, subscriber, customer):
    Customer.objects.update(stripe_id="acct_1")
    assert start_portal(rf.post("/"), subscriber) == LINK
    assert asked(stripe) == {"customer_account": "acct_1", "return_url": "http://testserver/"}


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("/team/?tab=plan", "http://testserver/team/?tab=plan"),
        ("https://app.example.com/", "https://app.example.com/"),
        (reverse_lazy("stripe_billing:status"), "http://testserver/billing/status/"),
    ],
)
def test_the_settings_say_where_the_visitor_comes_back(
    rf, settings, stripe, subscriber, customer, setting, url
):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "PORTAL_RETURN_URL": setting}
    start_portal(rf.post("/", {"return_url": "https://evil.example"}), subscriber)
    assert asked(stripe)["return_url"] == url


@pytest.mark.parametrize(
    "values",
    [{"is_deleted": True}, {"stripe_id": None}, {"subscriber": None}, {"account": "acct_1"}],
)
def test_without_a_customer_there_is_no_portal(rf, stripe, subscriber, customer, values):
    Customer.objects.update(**values)
    with pytest.raises(NoCustomerError):
        start_portal(rf.post("/"), subscriber)
    assert stripe.requests == []


@pytest.mark.parametrize("answer", [{}, {"url": None}, {"url": ""}, {"url": 5}])
def test_an_answer_without_a_link_is_none(rf, stripe, subscriber, customer, answer):
    stripe.objects[PATH] = answer
    with pytest.raises(StripeUnavailableError):
        start_portal(rf.post("/"), subscriber)


def test_a_link_that_is_no_web_address_is_not_followed(client, stripe, user, customer):
    stripe.objects[PATH] = {"url": "javascript:alert(1)"}
    client.force_login(user)
    client.raise_request_exception = False
    assert client.post(reverse("stripe_billing:portal")).status_code == 400


def test_the_link_is_stored_nowhere(client, stripe, user, customer):
    client.force_login(user)
    answer = client.post(reverse("stripe_billing:portal"))
    assert (answer.status_code, answer["Location"]) == (303, LINK)
    tables = [name for name in connection.introspection.table_names() if "stripe_billing" in name]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - our own table
            assert "hush" not in json.dumps(cursor.fetchall(), default=str)


def test_the_portal_costs_one_call_and_one_query(rf, stripe, subscriber, customer):
    from .statements import statements

    with statements() as found:
        start_portal(rf.post("/"), subscriber)
    assert len(found) == 1
    assert len(stripe.requests) == 1


def test_a_customer_that_was_deleted_unheard_of_has_no_portal(rf, shop, stripe_sandbox, subscriber):
    bound = shop.bind(subscriber)
    shop.subscribe(bound)
    stripe_sandbox.deliver()
    shop.call("DELETE", f"/v1/customers/{bound.stripe_id}")
    stripe_sandbox.drop()
    with pytest.raises(NoCustomerError):
        start_portal(rf.post("/"), subscriber)
    bound.refresh_from_db()
    assert bound.is_deleted
    assert not has_feature(subscriber, "reports")
