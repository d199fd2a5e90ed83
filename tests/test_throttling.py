"""Nobody asks Stripe more often than `THROTTLE` allows, by whichever door."""

from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from django_stripe_billing import throttling
from django_stripe_billing.exceptions import TooManyRequestsError
from django_stripe_billing.models import Customer
from django_stripe_billing.throttling import count_request

from .threads import together

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = {
    "checkout": ("post", {"price": "none"}),
    "setup": ("post", {}),
    "portal": ("post", {}),
    "update_card": ("post", {}),
    "retry_payment": ("post", {}),
    "withdraw_change": ("post", {}),
    "checkout_return": ("get", {}),
    "change": ("get", {}),
    "cancel": ("post", {}),
    "resume": ("post", {}),
    "pause": ("post", {}),
    "promotion_code": ("post", {"code": "x"}),
}
ENDPOINTS = {
    "checkout": ("post", {"price": "none"}),
    "setup": ("post", {}),
    "portal": ("post", {}),
    "card": ("post", {}),
    "retry_payment": ("post", {}),
    "return": ("get", {}),
    "payment_method": ("get", {}),
    "subscription": ("post", {}),
    "preview": ("post", {}),
    "cancel": ("post", {}),
    "resume": ("post", {}),
    "pause": ("post", {}),
    "promotion_code": ("post", {"code": "x"}),
}


NOW = 1_000_000_000.0


def stand_at(monkeypatch, moment):
    monkeypatch.setattr(throttling, "time", SimpleNamespace(time=lambda: moment))


@pytest.fixture
def allow(settings, monkeypatch):
    """`allow("2/min")`: in a minute that stands still."""
    stand_at(monkeypatch, NOW)
    cache.clear()
    yield lambda rate: setattr(
        settings, "STRIPE_BILLING", {**settings.STRIPE_BILLING, "THROTTLE": rate}
    )
    cache.clear()


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


def ask(client, app, name, method, data):
    return getattr(client, method)(reverse(f"{app}:{name}"), data)


@pytest.mark.parametrize("name", PAGES)
def test_each_page_that_calls_stripe_is_counted(stripe_sandbox, signed_in, allow, name):
    allow("2/min")
    answers = [ask(signed_in, "stripe_billing", name, *PAGES[name]) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert "too often" in answers[2].content.decode()
    assert answers[2]["Retry-After"] == "20"
    assert "no-store" in answers[2]["Cache-Control"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_endpoint_that_calls_stripe_is_counted(stripe_sandbox, signed_in, allow, name):
    allow("2/min")
    answers = [ask(signed_in, "stripe_billing_api", name, *ENDPOINTS[name]) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert answers[2].json()["code"] == "throttled"
    assert answers[2]["Retry-After"] == "20"


def test_pages_and_endpoints_share_one_account(shop, signed_in, allow, stripe_sandbox):
    allow("2/min")
    ask(signed_in, "stripe_billing", "setup", "post", {})
    ask(signed_in, "stripe_billing_api", "setup", "post", {})
    stripe_sandbox.engine.requests.clear()
    assert ask(signed_in, "stripe_billing", "setup", "post", {}).status_code == 429
    assert ask(signed_in, "stripe_billing_api", "setup", "post", {}).status_code == 429
    assert stripe_sandbox.engine.requests == []


def test_what_reads_the_database_alone_is_not_counted(signed_in, allow):
    allow("1/min")
    for name in ("plans", "status", "entitlements", "usage", "invoices", "payments", "dunning"):
        assert ask(signed_in, "stripe_billing_api", name, "get", {}).status_code == 200
        assert ask(signed_in, "stripe_billing_api", name, "get", {}).status_code == 200


@pytest.mark.parametrize("name", ["home", "invoices"])
def test_a_page_that_could_ask_for_the_card_shows_the_rest_without(
    shop, stripe_sandbox, subscriber, signed_in, allow, name
):
    without_card = shop.call("POST", "/v1/customers", {"name": "Ada"})
    Customer.objects.create(stripe_id=without_card["id"], subscriber=subscriber)
    allow("2/min")
    stripe_sandbox.engine.requests.clear()
    answers = [ask(signed_in, "stripe_billing", name, "get", {}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(stripe_sandbox.engine.requests) == 4  # two calls for each of two pages


def test_one_does_not_use_up_what_another_may(
    stripe_sandbox, signed_in, other_subscriber, django_user_model, allow
):
    allow("1/min")
    eve = Client()
    eve.force_login(django_user_model.objects.get(username="eve"))
    for client in (signed_in, eve):
        assert ask(client, "stripe_billing_api", "setup", "post", {}).status_code == 201
        assert ask(client, "stripe_billing_api", "setup", "post", {}).status_code == 429


def test_visitors_and_forged_posts_use_up_nothing(stripe_sandbox, user, allow):
    allow("1/min")
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(user)
    for app in ("stripe_billing", "stripe_billing_api"):
        for _ in range(3):
            assert ask(Client(), app, "setup", "post", {}).status_code in {302, 401, 403}
            assert ask(forger, app, "setup", "post", {}).status_code == 403
    client = Client()
    client.force_login(user)
    assert ask(client, "stripe_billing", "setup", "post", {}).status_code == 303


def test_the_next_minute_is_a_new_one(allow, monkeypatch):
    allow("1/min")
    who = SimpleNamespace(pk=5)
    count_request(who)
    with pytest.raises(TooManyRequestsError) as refusal:
        count_request(who)
    stand_at(monkeypatch, NOW + refusal.value.retry_after)
    count_request(who)


def test_requests_at_the_same_time_are_all_counted(allow):
    allow("10/min")

    def ask_once():
        try:
            count_request(SimpleNamespace(pk=6))
        except TooManyRequestsError:
            return False
        return True

    assert sum(together(*[ask_once] * 25)) == 10


def test_none_is_without_limit(allow):
    allow(None)
    for _ in range(100):
        count_request(SimpleNamespace(pk=7))


def test_a_cache_that_stores_nothing_lets_everybody_through(allow, settings):
    allow("1/min")
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    for _ in range(3):
        count_request(SimpleNamespace(pk=8))


def test_a_cache_that_is_down_keeps_nobody_out(allow, monkeypatch, caplog):
    def down(*args, **kwargs):
        raise OSError("connection refused")

    allow("1/min")
    monkeypatch.setattr(cache, "add", down)
    for _ in range(3):
        count_request(SimpleNamespace(pk=1))
    assert "does not answer" in caplog.text
