"""Starting a checkout: one customer, one open session, nothing sold twice."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from django_stripe_billing import checkout
from django_stripe_billing.checkout import bind_customer
from django_stripe_billing.exceptions import StripeUnavailableError
from django_stripe_billing.models import CheckoutSession, Customer
from django_stripe_billing.sandbox import Fault

from ..statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def post(signed_in):
    def post(**fields):
        return signed_in.post(
            reverse("stripe_billing:checkout"), {"price": "pro_monthly", **fields}
        )

    return post


def made(sandbox, path):
    return [entry for entry in sandbox.engine.requests if entry == ("POST", path)]


def at_stripe(shop, path, **params):
    return shop.call("GET", path, params)["data"]


def test_a_checkout_redirects_to_stripe_with_the_catalogs_terms(shop, stripe_sandbox, post):
    answer = post(quantity=3)
    assert answer.status_code == 303
    [session] = at_stripe(shop, "/v1/checkout/sessions")
    assert answer["Location"] == session["url"]
    assert session["mode"] == "subscription"
    assert session["customer"] == Customer.objects.get().stripe_id
    assert session["success_url"] == (
        "http://testserver/billing/return/?session_id={CHECKOUT_SESSION_ID}"
    )
    lines = shop.call("GET", f"/v1/checkout/sessions/{session['id']}/line_items")["data"]
    assert [(line["price"]["id"], line["quantity"]) for line in lines] == [
        (shop.pro_monthly["id"], 3)
    ]


def test_the_price_may_be_named_by_its_id(shop, post):
    assert post(price=shop.starter_monthly["id"]).status_code == 303


@pytest.mark.parametrize(
    "fields",
    [
        {"price": ""},
        {"price": "price_of_another"},
        {"quantity": "0"},
        {"quantity": "-1"},
        {"quantity": "11"},
        {"quantity": "1e3"},
        {"quantity": "1.5"},
        {"quantity": "٣"},
        {"quantity": "9" * 500},
        {"quantity": "0" * 11 + "35"},
        {"quantity": ""},
        {"price": "starter_monthly", "quantity": "2"},
    ],
)
def test_what_is_not_on_sale_is_400_and_stripe_is_not_asked(shop, stripe_sandbox, post, fields):
    stripe_sandbox.engine.requests.clear()
    assert post(**fields).status_code == 400
    assert stripe_sandbox.engine.requests == []


@pytest.mark.parametrize(
    ("price", "quantity", "said"),
    [("pro_monthly", "11", "is from 1 to 10."), ("starter_monthly", "2", "is always 1.")],
)
def test_a_wrong_quantity_is_told_the_right_ones(shop, post, price, quantity, said):
    assert f"The quantity of {price} {said}" in post(price=price, quantity=quantity).text


def test_only_sold_prices_are_sellable(shop, settings):
    shop.add_price(shop.pro, 1, "withheld", sellable="false")
    shop.call(
        "POST",
        "/v1/prices",
        {
            "product": shop.pro["id"],
            "currency": "usd",
            "unit_amount": 1,
            "recurring": {"interval": "month"},
        },
    )
    once = {"product": shop.pro["id"], "currency": "usd", "unit_amount": 100}
    shop.call("POST", "/v1/prices", {**once, "lookup_key": "once"})
    shop.call("POST", "/v1/prices", once)
    gone = shop.add_price(shop.pro, 1, "gone")
    shop.call("POST", f"/v1/prices/{gone['id']}", {"active": False})
    shop.sync()
    assert {price.lookup_key for price in checkout.sold_prices()} == {
        "once",
        "pro_monthly",
        "starter_monthly",
    }
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "PRICES": ["pro_monthly"]}
    assert {price.lookup_key for price in checkout.sold_prices()} == {"pro_monthly"}
    shop.call("POST", f"/v1/products/{shop.pro['id']}", {"active": False})
    shop.sync()
    assert checkout.sold_prices() == []


def test_the_browser_sets_no_terms(shop, stripe_sandbox, post):
    post(
        mode="payment",
        customer="cus_of_another",
        subscriber="99",
        success_url="https://evil.example",
        trial_days="365",
        unit_amount="1",
    )
    [session] = at_stripe(shop, "/v1/checkout/sessions")
    assert session["success_url"].startswith("http://testserver/")
    assert session["amount_total"] == 2000
    assert session["mode"] == "subscription"


def test_a_double_click_leads_to_the_same_session(shop, stripe_sandbox, post):
    assert post()["Location"] == post()["Location"]
    assert len(at_stripe(shop, "/v1/checkout/sessions")) == 1
    assert len(at_stripe(shop, "/v1/customers")) == 1


def test_another_choice_expires_the_open_session(shop, stripe_sandbox, post):
    first, second = post(), post(quantity=2)
    assert first["Location"] != second["Location"]
    sessions = at_stripe(shop, "/v1/checkout/sessions")
    assert [session["status"] for session in sessions] == ["open", "expired"]
    assert CheckoutSession.objects.filter(open_for__isnull=False).count() == 1


def test_an_expired_session_makes_room_for_a_new_one(shop, stripe_sandbox, post):
    first = post()["Location"]
    session_id = first.rpartition("/")[2]
    shop.call("POST", f"/v1/checkout/sessions/{session_id}/expire")
    assert post()["Location"] != first


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
@pytest.mark.parametrize("status", [500, 0])
def test_a_lost_answer_and_a_retry_make_one_customer_and_one_session(
    shop, stripe_sandbox, post, path, status, is_after
):
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path=path, status=status, is_after=is_after)
    )
    assert post().status_code in {303, 503}
    again = post()
    assert again.status_code == 303
    assert len(at_stripe(shop, "/v1/customers")) == 1
    open_ones = [
        session
        for session in at_stripe(shop, "/v1/checkout/sessions")
        if session["status"] == "open"
    ]
    assert len(open_ones) == 1
    assert again["Location"] == open_ones[0]["url"]


def test_a_retry_after_stripe_forgot_the_key_makes_no_second_customer(
    shop, stripe_sandbox, subscriber, monkeypatch
):
    lost = Fault(method="POST", path="/v1/customers", status=0, times=-1, is_after=True)
    stripe_sandbox.engine.faults.append(lost)
    with pytest.raises(StripeUnavailableError):
        bind_customer(subscriber)
    stripe_sandbox.engine.faults.clear()
    for _ in range(3):
        shop.add_customer()
    stripe_sandbox.drop()
    stripe_sandbox.advance(30 * 3600)
    thirty_hours_ago = timezone.now() - timedelta(hours=30)
    Customer.objects.filter(subscriber=subscriber).update(
        asked_at=thirty_hours_ago, created_at=thirty_hours_ago
    )
    bound = bind_customer(subscriber)
    mine = [row for row in stripe_sandbox.engine.state.all("customer") if row["metadata"]]
    assert [row["id"] for row in mine] == [bound.stripe_id]


def test_without_a_customer_from_the_first_attempt_the_retry_makes_one(
    shop, stripe_sandbox, subscriber
):
    down = Fault(method="POST", path="/v1/customers", status=0, times=-1)
    stripe_sandbox.engine.faults.append(down)
    with pytest.raises(StripeUnavailableError):
        bind_customer(subscriber)
    stripe_sandbox.engine.faults.clear()
    long_ago = timezone.now() - timedelta(days=3)
    Customer.objects.filter(subscriber=subscriber).update(asked_at=long_ago)
    key = Customer.objects.get(subscriber=subscriber).binding_key
    bound = bind_customer(subscriber)
    bound.refresh_from_db()
    assert bound.stripe_id
    assert bound.binding_key != key
    assert timezone.now() - bound.asked_at < timedelta(minutes=1)


@pytest.mark.parametrize("is_after", [False, True])
def test_other_details_after_a_lost_answer_make_no_second_customer(
    shop, stripe_sandbox, post, subscriber, is_after
):
    stripe_sandbox.engine.faults.append(
        Fault(method="POST", path="/v1/customers", status=0, is_after=is_after)
    )
    assert post().status_code == 503
    subscriber.email = "ada@new.example"
    subscriber.save()
    assert post().status_code == 303
    [made] = at_stripe(shop, "/v1/customers")
    assert Customer.objects.get().stripe_id == made["id"]


def test_two_tabs_at_the_same_moment_make_one_customer_and_one_session(
    shop, stripe_sandbox, post, monkeypatch
):
    """The second tab acts while the first one waits for each of Stripe's answers."""
    inner = stripe_sandbox.engine.handle
    locations, depth = [], []

    def handle(method, path, body, headers):
        answer = inner(method, path, body, headers)
        if method == "POST" and not depth:
            depth.append(1)
            locations.append(post())
            depth.pop()
        return answer

    from django.conf import settings

    from django_stripe_billing.stripe_api import CallableHTTPClient

    monkeypatch.setitem(settings.STRIPE_BILLING, "HTTP_CLIENT", CallableHTTPClient(handle))
    locations.append(post())
    assert {answer.status_code for answer in locations} == {303}
    assert len({answer["Location"] for answer in locations}) == 1
    assert len(at_stripe(shop, "/v1/customers")) == 1
    assert len(at_stripe(shop, "/v1/checkout/sessions")) == 1


def test_a_subscriber_to_the_product_is_sent_to_the_portal(shop, stripe_sandbox, post):
    stripe_sandbox.pay(post()["Location"])
    stripe_sandbox.deliver()
    answer = post()
    assert answer.status_code == 303
    assert "/p/session/" in answer["Location"]
    assert post(price="starter_monthly")["Location"].count("/c/pay/") == 1


def test_nothing_is_sold_twice_although_the_webhooks_were_lost(shop, stripe_sandbox, post):
    stripe_sandbox.pay(post()["Location"])
    stripe_sandbox.drop()
    assert "/p/session/" in post()["Location"]
    assert len(at_stripe(shop, "/v1/subscriptions")) == 1


def test_a_trial_is_given_once(shop, stripe_sandbox, post):
    session = stripe_sandbox.pay(post(price="starter_monthly")["Location"])
    stripe_sandbox.deliver()
    subscription = shop.call("GET", f"/v1/subscriptions/{session['subscription']}")
    assert subscription["status"] == "trialing"
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    stripe_sandbox.deliver()
    again = stripe_sandbox.pay(post(price="starter_monthly")["Location"])
    second = shop.call("GET", f"/v1/subscriptions/{again['subscription']}")
    assert second["status"] == "active"


def test_a_customer_deleted_in_stripe_is_replaced(shop, stripe_sandbox, post, subscriber):
    session_id = post()["Location"].rpartition("/")[2]
    shop.call("POST", f"/v1/checkout/sessions/{session_id}/expire")
    first = Customer.objects.get(subscriber=subscriber)
    shop.call("DELETE", f"/v1/customers/{first.stripe_id}")
    stripe_sandbox.drop()
    assert post().status_code == 303
    second = Customer.objects.get(subscriber=subscriber)
    assert second.stripe_id != first.stripe_id
    assert Customer.objects.get(pk=first.pk).subscriber is None


def test_a_customer_row_that_a_webhook_made_first_is_adopted(shop, stripe_sandbox, subscriber):
    inner = stripe_sandbox.engine.handle

    def handle(method, path, body, headers):
        answer = inner(method, path, body, headers)
        if (method, path) == ("POST", "/v1/customers"):
            stripe_sandbox.deliver()
        return answer

    from django.conf import settings

    from django_stripe_billing.stripe_api import CallableHTTPClient

    client = settings.STRIPE_BILLING["HTTP_CLIENT"]
    settings.STRIPE_BILLING["HTTP_CLIENT"] = CallableHTTPClient(handle)
    try:
        bound = checkout.bind_customer(subscriber)
    finally:
        settings.STRIPE_BILLING["HTTP_CLIENT"] = client
    assert Customer.objects.count() == 1
    assert Customer.objects.get().subscriber == subscriber == bound.subscriber


def test_visitors_sign_in_first(client, shop):
    for name in ("checkout", "portal"):
        answer = client.post(reverse(f"stripe_billing:{name}"))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


def test_a_checkout_is_a_post_with_a_csrf_token(shop, user):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    url = reverse("stripe_billing:checkout")
    assert client.get(url).status_code == 405
    assert client.post(url, {"price": "pro_monthly"}).status_code == 403


def test_stripe_down_is_503_with_a_page(shop, stripe_sandbox, post):
    stripe_sandbox.engine.faults.append(Fault(status=0, times=-1))
    answer = post()
    assert answer.status_code == 503
    assert "Try again" in answer.content.decode()


def test_the_checkout_works_where_every_request_is_a_transaction(shop, post):
    from django.db import connection

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        assert post().status_code == 303
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_a_checkout_costs_four_calls_and_a_second_click_two(shop, stripe_sandbox, post):
    stripe_sandbox.engine.requests.clear()
    with statements() as asked:
        post()
    first = len(stripe_sandbox.engine.requests)
    print(f"checkout: {first} calls, {len(asked)} statements")
    stripe_sandbox.engine.requests.clear()
    post()
    assert (first, len(stripe_sandbox.engine.requests)) == (3, 2)
