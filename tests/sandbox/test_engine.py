"""The engine as stripe-python sees it."""

import base64

import pytest
import stripe

from django_stripe_billing.sandbox import Fault, SandboxError
from django_stripe_billing.stripe_api import CallableHTTPClient

from .conftest import START

HEADERS = {"Authorization": "Bearer sk_test_sandbox"}
STRICT = {**HEADERS, "Stripe-Version": "2026-10-28.endive"}


@pytest.fixture
def client(engine):
    return stripe.StripeClient(
        "sk_test_sandbox", http_client=CallableHTTPClient(engine.handle), max_network_retries=0
    )


def test_stripe_python_creates_retrieves_and_pages_through_objects(client):
    for number in range(25):
        client.v1.customers.create(
            {"email": f"{number}@example.com", "metadata": {"n": str(number)}}
        )
    first = client.v1.customers.list({"limit": 10})
    assert first.has_more
    found = [customer.email for customer in first.auto_paging_iter()]
    assert found == [f"{number}@example.com" for number in reversed(range(25))]
    one = client.v1.customers.list({"email": "7@example.com"}).data[0]
    assert client.v1.customers.retrieve(one.id).metadata["n"] == "7"


def test_pages_go_backwards_too(engine):
    ids = [engine.call("POST", "/v1/customers", {})["id"] for _ in range(5)][::-1]
    page = engine.call("GET", "/v1/customers", {"ending_before": ids[3], "limit": 2})
    assert [row["id"] for row in page["data"]] == ids[1:3]
    assert page["has_more"] is True


@pytest.mark.parametrize(
    ("method", "path", "params", "code", "param"),
    [
        ("POST", "/v1/products", {"nme": "x"}, "parameter_unknown", "nme"),
        ("POST", "/v1/products", {}, "parameter_missing", "name"),
        ("POST", "/v1/products", {"name": "x", "active": "yes"}, "", "active"),
        ("GET", "/v1/subscriptions", {"status": "alive"}, "", "status"),
        ("GET", "/v1/customers", {"limit": 101}, "parameter_invalid_integer", "limit"),
        ("GET", "/v1/customers", {"starting_after": "cus_0"}, "resource_missing", "starting_after"),
        ("GET", "/v1/customers/cus_0", {}, "resource_missing", "id"),
        ("POST", "/v1/customers", {"metadata": "x"}, "", "metadata"),
        (
            "POST",
            "/v1/checkout/sessions",
            {"payment_method_types": ["card"], "success_url": "https://example.com"},
            "parameter_unknown",
            "payment_method_types",
        ),
        (
            "POST",
            "/v1/subscriptions/sub_0",
            {"billing_cycle_anchor": "now"},
            "",
            "billing_cycle_anchor",
        ),
        ("GET", "/v1/nothing", {}, "", ""),
    ],
)
def test_a_request_that_stripe_would_refuse_is_refused(engine, method, path, params, code, param):
    with pytest.raises(SandboxError) as refusal:
        engine.call(method, path, params)
    assert refusal.value.status in {400, 404}
    assert (refusal.value.code, refusal.value.param) == (code, param)


OLDER = {"Stripe-Version": "2025-07-30.basil"}


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/products", "name=x&shiny=yes", [400, 400, 200]),
        (
            "/v1/payment_intents",
            "amount=900&currency=usd&payment_method_types[]=card",
            [400, 200, 200],
        ),
        ("/v1/payment_intents", "amount=900&currency=usd&capture_method=never", [400, 400, 400]),
        ("/v1/payment_intents", "amount=900&currency=usd&capture_method[a]=b", [400, 400, 400]),
        ("/v1/products", "name=x&images=a", [400, 400, 400]),
    ],
)
def test_words_that_endive_does_not_know(engine, path, body, expected):
    statuses = [
        engine.handle("POST", path, body, headers).status
        for headers in (STRICT, HEADERS, {**HEADERS, **OLDER})
    ]
    assert statuses == expected


@pytest.mark.parametrize(
    ("path", "body", "shown"),
    [
        ("/v1/subscriptions/{sub}", "billing_cycle_anchor=now", {"status": "active"}),
        ("/v1/subscriptions/{sub}", "coupon={coupon}", {"status": "active"}),
        (
            "/v1/subscriptions",
            "customer={customer}&items[0][price]={price}&coupon={coupon}",
            {"status": "active"},
        ),
        (
            "/v1/invoices/create_preview",
            "subscription={sub}&subscription_details[billing_cycle_anchor]=unchanged",
            {"status": "draft"},
        ),
        (
            "/v1/invoiceitems",
            "customer={customer}&unit_amount=20&quantity=2&currency=usd",
            {"amount": 40},
        ),
        ("/v1/promotion_codes", "coupon={coupon}&code=TEN", {"code": "TEN"}),
        (
            "/v1/checkout/sessions",
            "mode=setup&currency=usd&ui_mode=embedded&return_url=https://example.com/",
            {"ui_mode": "embedded_page"},
        ),
        (
            "/v1/checkout/sessions",
            "mode=setup&currency=usd&payment_method_types[]=card&success_url=https://example.com/",
            {"ui_mode": "hosted_page"},
        ),
        (
            "/v1/payment_intents",
            "amount=500&currency=usd&payment_method_types[]=card",
            {"payment_method_types": ["card"]},
        ),
    ],
)
def test_a_client_of_an_older_version_is_understood(shop, path, body, shown):
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 10, "duration": "once"})
    names = {
        "sub": shop.subscribe()["id"],
        "customer": shop.customer["id"],
        "price": shop.price["id"],
        "coupon": coupon["id"],
    }
    path, body = path.format(**names), body.format(**names)

    answer = shop.engine.handle("POST", path, body, HEADERS | OLDER)

    assert answer.status == 200, answer.json()
    assert {name: answer.json()[name] for name in shown} == shown
    assert shop.engine.handle("POST", path, body, STRICT).status == 400


def test_a_coupon_of_an_older_client_is_redeemed(shop):
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 10, "duration": "forever"})
    path = f"/v1/subscriptions/{shop.subscribe()['id']}"

    for body, number in ((f"coupon={coupon['id']}", 1), ("coupon=", 0)):
        answer = shop.engine.handle("POST", path, body, HEADERS | OLDER).json()
        assert len(answer["discounts"]) == number


@pytest.mark.parametrize(
    ("key", "status"),
    [("sk_test_123456:", 200), ("sk_test_123456", 200), ("pk_test_123456:", 401), ("", 401)],
)
def test_the_key_may_be_the_user_of_basic_authentication(engine, key, status):
    encoded = base64.b64encode(key.encode()).decode()
    headers = {"Authorization": f"Basic {encoded}"}

    assert engine.handle("GET", "/v1/customers", "", headers).status == status
    assert engine.handle("GET", "/v1/customers", "", {"Authorization": "Basic ?"}).status == 401


@pytest.mark.parametrize("body", ["name=x&images[0]=a&images[1]=b", "name=x&images[]=a&images[]=b"])
def test_lists_come_indexed_or_with_empty_brackets(engine, body):
    answer = engine.handle("POST", "/v1/products", body, STRICT)
    assert answer.json()["images"] == ["a", "b"]


@pytest.mark.parametrize(
    "body", ["name[=x", "a]b=1", "name[a][b]=1&name=2", "x" + "[a]" * 40 + "=1"]
)
def test_malformed_names_are_refused(engine, body):
    assert engine.handle("POST", "/v1/products", body, STRICT).status == 400


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer pk_test_123456", "Bearer sk_live_123456"])
def test_a_wrong_key_is_401(engine, key):
    assert engine.handle("GET", "/v1/customers", "", {"Authorization": key}).status == 401


def test_answers_carry_date_and_request_id(engine):
    answer = engine.handle("GET", "/v1/customers", "", STRICT)
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Date"].endswith("GMT")


def test_expand_replaces_ids_up_to_four_levels(shop):
    subscription = shop.subscribe()
    path = f"/v1/subscriptions/{subscription['id']}"
    whole = shop.call("GET", path, {"expand": ["items.data.price.product", "latest_invoice"]})
    assert whole["items"]["data"][0]["price"]["product"]["name"] == "Pro"
    assert whole["latest_invoice"]["status"] == "paid"
    with pytest.raises(SandboxError) as refusal:
        shop.call("GET", "/v1/subscriptions", {"expand": ["data.items.data.price.product"]})
    assert refusal.value.code == "property_expansion_max_depth"
    with pytest.raises(SandboxError, match="cannot be expanded"):
        shop.call("GET", path, {"expand": ["status"]})


def test_a_repeated_idempotency_key_replays_the_first_answer(engine):
    headers = {**STRICT, "Idempotency-Key": "one"}
    first = engine.handle("POST", "/v1/customers", "email=a@b.c", headers)
    again = engine.handle("POST", "/v1/customers", "email=a@b.c", headers)
    other = engine.handle("POST", "/v1/customers", "email=x@y.z", headers)
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status, other.json()["error"]["type"]) == (400, "idempotency_error")
    engine.clock.advance(25 * 3600)
    assert engine.handle("POST", "/v1/customers", "email=a@b.c", headers).body != first.body


def test_a_refused_request_does_not_use_up_its_idempotency_key(engine):
    headers = {**STRICT, "Idempotency-Key": "one"}
    assert engine.handle("POST", "/v1/products", "nme=x", headers).status == 400
    assert engine.handle("POST", "/v1/products", "name=x", headers).status == 200


def test_faults_break_requests_before_or_after_they_are_carried_out(engine):
    engine.faults.append(Fault(path="/v1/customers", method="POST", status=500, is_after=True))
    engine.faults.append(Fault(path="/v1/products", status=0))
    assert engine.handle("POST", "/v1/customers", "", STRICT).status == 500
    assert len(engine.call("GET", "/v1/customers")["data"]) == 1
    with pytest.raises(ConnectionError):
        engine.handle("GET", "/v1/products", "", STRICT)
    headers = {**STRICT, "Idempotency-Key": "broken"}
    engine.faults.append(Fault(method="POST", path="/v1/products", status=500))
    answers = [engine.handle("POST", "/v1/products", "name=x", headers).status for _ in range(2)]
    assert answers == [500, 500], "Stripe repeats the first answer to a key, a 500 too"
    assert engine.handle("GET", "/v1/products", "", STRICT).status == 200


def test_events_name_what_changed(shop):
    shop.call("POST", f"/v1/customers/{shop.customer['id']}", {"metadata": {"a": "1"}})
    event = shop.engine.events[-1]
    assert event["type"] == "customer.updated"
    assert event["created"] == START
    assert event["data"]["previous_attributes"] == {"metadata": {"a": None}}
    assert event["request"]["id"].startswith("req_")


def test_a_lookup_key_moves_only_when_it_is_told_to(shop):
    first = shop.add_price(100, "month", lookup_key="pro")
    with pytest.raises(SandboxError, match="already uses"):
        shop.add_price(200, "month", lookup_key="pro")
    second = shop.add_price(200, "month", lookup_key="pro", transfer_lookup_key=True)
    found = shop.call("GET", "/v1/prices", {"lookup_keys": ["pro"]})["data"]
    assert [row["id"] for row in found] == [second["id"]]
    assert shop.call("GET", f"/v1/prices/{first['id']}")["lookup_key"] is None


def test_a_deleted_customer_answers_with_a_stub_and_loses_its_subscriptions(shop):
    subscription = shop.subscribe()
    shop.call("DELETE", f"/v1/customers/{shop.customer['id']}")
    stub = shop.call("GET", f"/v1/customers/{shop.customer['id']}")
    assert stub == {"id": shop.customer["id"], "object": "customer", "deleted": True}
    assert shop.read(subscription)["status"] == "canceled"
    assert shop.types()[-1] == "customer.deleted"
    assert "customer.subscription.deleted" in shop.types()
