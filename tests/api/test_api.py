import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_stripe_billing.sandbox import Fault

from ..statements import statements
from .conftest import url

pytestmark = pytest.mark.django_db(transaction=True)


def post(client, name, **data):
    return client.post(url(name), data, content_type="application/json")


def test_plans_are_open_and_complete(shop, client):
    with statements() as asked:
        plans = client.get(url("plans")).json()
    assert len(asked) <= 4
    by_key = {plan["lookup_key"]: plan for plan in plans}
    assert by_key.keys() == {"pro_monthly", "starter_monthly"}
    pro = by_key["pro_monthly"]
    assert (pro["amount"], pro["currency"], pro["interval"]) == (2000, "usd", "month")
    assert (pro["quantity_min"], pro["quantity_max"], pro["trial_days"]) == (1, 10, 0)
    assert by_key["starter_monthly"]["trial_days"] == 14
    assert {(f["key"], f["limit"], f["is_limit_per_unit"]) for f in pro["features"]} == {
        ("reports", None, False),
        ("seats", 5, True),
    }


def test_buying_by_api(shop, stripe_sandbox, api):
    answer = post(api, "checkout", price="pro_monthly", quantity=2)
    assert answer.status_code == 201
    stripe_sandbox.pay(answer.json()["url"])
    assert api.get(url("status")).json() == {"active": False, "features": []}
    stripe_sandbox.deliver()
    assert api.get(url("status")).json() == {"active": True, "features": ["reports", "seats"]}
    held = {row["key"]: row for row in api.get(url("entitlements")).json()}
    assert held["seats"]["limit"] == 10
    assert held["reports"]["limit"] is None
    assert held["reports"]["ends_at"]
    assert "/p/session/" in post(api, "portal").json()["url"]


def test_coming_back_by_api(shop, stripe_sandbox, api, other_subscriber):
    checkout_url = post(api, "checkout", price="pro_monthly").json()["url"]
    asked = {"session_id": checkout_url.rpartition("/")[2]}
    assert api.get(url("return"), asked).json() == {"status": "open"}
    stripe_sandbox.pay(checkout_url)
    assert api.get(url("status"), asked).json()["active"] is False
    assert api.get(url("return"), asked).json() == {"status": "active"}
    assert api.get(url("status"), asked).json()["active"] is True
    stranger = Client()
    stranger.force_login(get_user_model().objects.get(username="eve"))
    assert stranger.get(url("return"), asked).status_code == 404
    assert stranger.get(url("status"), asked).json() == {"active": False, "features": []}


@pytest.mark.parametrize("session_id", ["", "cs_test_none", "\0", "é", "cs_test_" + "x" * 5000])
def test_a_made_up_session_is_404_and_never_active(shop, stripe_sandbox, api, session_id):
    stripe_sandbox.pay(post(api, "checkout", price="pro_monthly").json()["url"])
    stripe_sandbox.deliver()
    asked = {"session_id": session_id}
    assert api.get(url("return"), asked).status_code == 404
    assert api.get(url("status"), asked).json()["active"] is (session_id == "")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({"price": "none"}, 400, "price_not_sold"),
        ({"price": "pro_monthly", "quantity": 11}, 400, "quantity_out_of_bounds"),
        ({"price": "pro_monthly", "quantity": 0}, 400, "quantity_out_of_bounds"),
    ],
)
def test_refusals_have_codes(shop, api, data, status, code):
    answer = post(api, "checkout", **data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("data", [{}, {"price": "pro_monthly", "quantity": "many"}])
def test_an_incomplete_body_is_400(shop, api, data):
    assert post(api, "checkout", **data).status_code == 400


def test_a_second_subscription_is_409(shop, stripe_sandbox, api):
    stripe_sandbox.pay(post(api, "checkout", price="pro_monthly").json()["url"])
    answer = post(api, "checkout", price="pro_monthly")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_subscribed")


def test_no_customer_is_404_and_stripe_down_503(shop, stripe_sandbox, api):
    answer = post(api, "portal")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_customer")
    stripe_sandbox.engine.faults.append(Fault(status=500, times=-1))
    answer = post(api, "checkout", price="pro_monthly")
    assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")


def test_nobody_else_can_be_named(shop, stripe_sandbox, api, other_subscriber):
    theirs = shop.bind(other_subscriber)
    answer = post(
        api, "checkout", price="pro_monthly", customer=theirs.stripe_id, subscriber=theirs.pk
    )
    session_id = answer.json()["url"].rpartition("/")[2]
    session = shop.call("GET", f"/v1/checkout/sessions/{session_id}")
    assert session["customer"] != theirs.stripe_id


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("post", "checkout"),
        ("get", "return"),
        ("post", "portal"),
        ("get", "status"),
        ("get", "entitlements"),
    ],
)
def test_visitors_are_refused(shop, client, method, name):
    assert getattr(client, method)(url(name)).status_code in {401, 403}


def test_a_session_login_needs_a_csrf_token(shop, user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert post(client, "checkout", price="pro_monthly").status_code == 403


def test_status_and_entitlements_are_read_from_the_database_alone(shop, stripe_sandbox, api):
    stripe_sandbox.engine.requests.clear()
    for name, most in (("status", 2), ("entitlements", 1)):
        with statements() as asked:
            api.get(url(name))
        assert len([sql for sql in asked if "stripe_billing_" in sql]) <= most
    assert stripe_sandbox.engine.requests == []
