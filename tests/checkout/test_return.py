"""The way back from Stripe: the redirect proves nothing."""

import pytest
from django.urls import reverse

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import Customer, EntitlementChange
from django_stripe_billing.sandbox import Fault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def buy(shop, signed_in):
    def buy(price="pro_monthly"):
        answer = signed_in.post(reverse("stripe_billing:checkout"), {"price": price})
        return answer["Location"]

    return buy


@pytest.fixture
def come_back(signed_in):
    def come_back(session_id):
        return signed_in.get(reverse("stripe_billing:checkout_return"), {"session_id": session_id})

    return come_back


def test_an_open_session_grants_nothing(shop, buy, come_back, subscriber):
    session_id = buy().rpartition("/")[2]
    answer = come_back(session_id)
    assert answer.status_code == 200
    assert "Nothing was paid yet" in answer.content.decode()
    assert not has_feature(subscriber, "reports")


def test_a_paid_session_is_stored_with_the_checkout_as_cause(
    shop, stripe_sandbox, buy, come_back, subscriber
):
    session = stripe_sandbox.pay(buy())
    assert "is active" in come_back(session["id"]).content.decode()
    assert has_feature(subscriber, "reports")
    cause = EntitlementChange.objects.first()
    assert (cause.cause_kind, cause.cause_id) == ("checkout", session["id"])
    stripe_sandbox.deliver()
    assert EntitlementChange.objects.filter(kind="granted").count() == 2  # reports, seats


@pytest.mark.parametrize(
    "session_id",
    ["", "cs_", "cs_test_none", "../../etc", "cs_test_a/../../customers", "x" * 5000, "cs_é"],
)
def test_a_made_up_session_is_404(shop, buy, come_back, session_id):
    buy()
    assert come_back(session_id).status_code == 404


@pytest.mark.parametrize("session_id", ["cs_abc123", "cs_live_a1", "cs_test_b_2"])
def test_a_session_id_may_have_another_shape(stripe_answers, come_back, customer, session_id):
    stripe_answers.objects[f"/v1/checkout/sessions/{session_id}"] = {
        "id": session_id,
        "object": "checkout.session",
        "mode": "subscription",
        "status": "open",
        "payment_status": "unpaid",
        "customer": customer.stripe_id,
        "subscription": None,
    }
    assert come_back(session_id).status_code == 200


def test_the_session_of_somebody_else_is_404(
    shop, stripe_sandbox, buy, come_back, subscriber, other_subscriber, client
):
    theirs = shop.bind(other_subscriber)
    session = shop.call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "subscription",
            "customer": theirs.stripe_id,
            "line_items": [{"price": shop.pro_monthly["id"], "quantity": 1}],
            "success_url": "https://example.com",
        },
    )
    stripe_sandbox.engine.complete_checkout(session["id"])
    buy()
    assert come_back(session["id"]).status_code == 404
    assert not has_feature(subscriber, "reports")
    assert not has_feature(other_subscriber, "reports")


def test_without_customer_there_is_nothing_to_come_back_to(shop, come_back):
    assert come_back("cs_test_abc").status_code == 404


def test_while_stripe_is_down_the_page_waits(shop, stripe_sandbox, buy, come_back, subscriber):
    session = stripe_sandbox.pay(buy())
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    answer = come_back(session["id"])
    assert answer.status_code == 200
    assert "Waiting for Stripe" in answer.content.decode()
    assert not has_feature(subscriber, "reports")


def test_status_turns_active_with_the_webhook(shop, stripe_sandbox, buy, signed_in, subscriber):
    url = reverse("stripe_billing:status")
    session = stripe_sandbox.pay(buy())
    asked = {"session_id": session["id"]}
    assert signed_in.get(url, asked).json() == {"active": False, "features": []}
    stripe_sandbox.deliver()
    answer = signed_in.get(url, asked)
    assert answer.json() == {"active": True, "features": ["reports", "seats"]}
    assert "no-store" in answer["Cache-Control"]


def test_status_of_a_second_purchase_waits_for_that_one(shop, stripe_sandbox, buy, signed_in):
    stripe_sandbox.pay(buy())
    stripe_sandbox.deliver()
    session = stripe_sandbox.pay(buy("starter_monthly"))
    answer = signed_in.get(reverse("stripe_billing:status"), {"session_id": session["id"]})
    assert answer.json()["active"] is False


def test_status_is_closed_to_visitors(client, db):
    assert client.get(reverse("stripe_billing:status")).status_code == 403


def test_the_portal_opens_for_a_customer_and_only_for_one(shop, stripe_sandbox, signed_in, buy):
    url = reverse("stripe_billing:portal")
    before = signed_in.post(url)
    assert (before.status_code, before["Location"]) == (303, "/")
    buy()
    answer = signed_in.post(url, {"customer": "cus_of_another", "return_url": "https://evil.test"})
    assert answer.status_code == 303
    assert answer["Location"].startswith("http://sandbox.invalid/p/session/")
    sessions = [
        row
        for row in stripe_sandbox.engine.state.objects.values()
        if row["object"] == "billing_portal.session"
    ]
    assert [row["customer"] for row in sessions] == [Customer.objects.get().stripe_id]
    assert sessions[0]["return_url"] == "http://testserver/"
    assert signed_in.get(url).status_code == 405
