"""Each page in each state: it is there, has clean markup, and asks as much as it should."""

import pytest
from django.test import Client

from django_stripe_billing.models import Customer
from tests.statements import statements

from .conftest import Markup, url

pytestmark = pytest.mark.django_db(transaction=True)

STATES = [
    "nothing",
    "customer",
    "trial",
    "active",
    "past_due",
    "cancelling",
    "paused",
    "ended",
]
PAGES = [
    "pricing",
    "home",
    "invoices",
    "change",
    "cancel",
    "resume",
    "pause",
    "promotion_code",
]
HERE = {
    "change": {"trial", "active", "past_due", "cancelling", "paused"},
    "promotion_code": {"trial", "active", "past_due", "cancelling", "paused"},
    "cancel": {"trial", "active", "past_due", "paused"},
    "resume": {"cancelling", "paused"},
    "pause": {"trial", "active"},
}
"""In which states a page has something to ask; in the others it leads home."""


@pytest.mark.parametrize("state", STATES)
def test_every_page_in_every_state(in_state, page, state):
    in_state(state)
    for name in PAGES:
        answer = page(name)
        if name in HERE and state not in HERE[name]:
            assert (answer.status_code, answer["Location"]) == (303, url("home")), name
            continue
        assert answer.status_code == 200, name
        markup = Markup(answer.text)
        assert markup.problems == [], name
        assert (markup.count("h1"), markup.count("main")) == (1, 1), name
        assert "no-store" in answer["Cache-Control"]


def test_markup_is_really_looked_at():
    bad = '<p style="x"><script>1</script><a onclick="x" href="javascript:x">a</a><input name="q">'
    assert len(Markup(bad).problems) == 6


@pytest.mark.parametrize("name", [name for name in PAGES if name != "pricing"])
def test_visitors_sign_in_and_come_back_to_the_page(db, client, name):
    answer = client.get(url(name), {"subscription": "sub_1"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/?next=/billing/")
    assert "%3Fsubscription%3Dsub_1" in answer["Location"]


@pytest.mark.parametrize(
    "name", ["change", "withdraw_change", "cancel", "resume", "pause", "promotion_code"]
)
def test_what_writes_needs_a_token_of_ours(in_state, user, name):
    in_state("active")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    in_state.shop.sandbox.engine.requests.clear()
    assert client.post(url(name), {"code": "x", "token": "x"}).status_code == 403
    assert in_state.shop.sandbox.engine.requests == []


@pytest.mark.parametrize("name", ["change", "cancel", "resume", "pause", "promotion_code"])
def test_looking_writes_nothing(in_state, page, name):
    in_state("active")
    requests = in_state.shop.sandbox.engine.requests
    requests.clear()
    page(name)
    assert {method for method, _ in requests} <= {"GET"}


@pytest.mark.parametrize("name", ["change", "cancel", "resume", "pause", "promotion_code"])
def test_the_subscription_of_somebody_else_is_404(in_state, page, send, stranger, name):
    in_state("active")
    theirs = in_state.subscriber.stripe_customers.get().subscriptions.get().stripe_id
    for asked in (theirs, "sub_none", "x" * 10_000, "\0", "é"):
        assert stranger.get(url(name), {"subscription": asked}).status_code == 404
        given = {"subscription": asked, "code": "x", "token": "x"}
        assert stranger.post(url(name), given).status_code == 404
    assert page("home").status_code == 200


def test_withdrawing_somebody_elses_change_is_404(in_state, stranger):
    in_state("active")
    theirs = in_state.subscriber.stripe_customers.get().subscriptions.get().stripe_id
    answer = stranger.post(url("withdraw_change"), {"subscription": theirs})
    assert answer.status_code == 404


@pytest.mark.parametrize(("name", "most"), [("pricing", 16), ("home", 22), ("invoices", 10)])
def test_more_rows_cost_no_more_queries(in_state, page, yearly, name, most):
    in_state("active")
    page(name)  # who is signed in, and the payment method, are known from here on
    with statements() as first:
        assert page(name).status_code == 200
    assert len(first) <= most, first
    shop = in_state.shop
    customer = Customer.objects.exclude(subscriber=None).get()
    for number in range(4):
        product = shop.add_product(f"More {number}", ["export"])
        price = shop.add_price(product, 500, f"more_{number}")
        shop.sync()
        shop.subscribe(customer, price)
    shop.sandbox.deliver()
    with statements() as more:
        assert page(name).status_code == 200
    assert len(more) == len(first), more


def test_names_and_metadata_are_text_and_never_markup(in_state, page):
    shop = in_state.shop
    evil = '<script>alert("x")</script>&amp;'
    shop.features["export"] = shop.call(
        "POST", "/v1/entitlements/features", {"name": evil, "lookup_key": "evil"}
    )
    product = shop.add_product(evil * 10, ["export"])
    shop.call("POST", f"/v1/products/{product['id']}", {"description": evil * 100})
    evil_price = shop.add_price(product, 700, "evil")
    shop.sync()
    customer = shop.bind(in_state.subscriber)
    shop.subscribe(customer, evil_price)
    shop.sandbox.deliver()
    for name in ("pricing", "home", "change", "cancel", "pause", "promotion_code"):
        answer = page(name)
        assert answer.status_code == 200
        assert "alert(" in answer.text
        assert "<script>alert" not in answer.text
        assert Markup(answer.text).problems == []
