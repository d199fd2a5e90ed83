"""Stripe's answers and its events may be of two clocks: what is lost by that is nobody's access."""

from email.utils import formatdate

import pytest
from django.urls import reverse

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import Subscription
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.stripe_api import CallableHTTPClient

from ..payments.conftest import OnceShop

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400
SKEWS = [0, 60, 3600, 40 * DAY, -60, -40 * DAY]
"""Seconds by which the answers' Date is ahead of the events' `created`."""


@pytest.fixture
def shop(db, stripe_sandbox):
    return OnceShop(stripe_sandbox)


@pytest.fixture(params=SKEWS)
def skewed(request, stripe_sandbox, settings):
    """Answers carry another clock's Date."""
    inner = stripe_sandbox.engine.handle

    def handle(*call):
        answer = inner(*call)
        answer.headers["Date"] = formatdate(stripe_sandbox.engine.now + request.param, usegmt=True)
        return answer

    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": CallableHTTPClient(handle)}


@pytest.fixture
def buy(client, user, stripe_sandbox):
    """Buy, and come back before the webhooks do."""

    def buy(price):
        client.force_login(user)
        url = client.post(reverse("stripe_billing:checkout"), {"price": price})["Location"]
        session = stripe_sandbox.pay(url)
        client.get(reverse("stripe_billing:checkout_return"), {"session_id": session["id"]})
        stripe_sandbox.deliver()
        return session

    return buy


def test_a_refund_after_the_return_page_has_fetched_takes_access(
    shop, skewed, buy, subscriber, stripe_sandbox
):
    session = buy("book")
    assert has_feature(subscriber, "reports")
    shop.refund(session)
    stripe_sandbox.deliver()
    assert not has_feature(subscriber, "reports")


def test_an_end_after_the_return_page_has_fetched_takes_access(
    shop, skewed, buy, subscriber, stripe_sandbox
):
    session = buy("pro_monthly")
    assert has_feature(subscriber, "reports")
    shop.call("DELETE", f"/v1/subscriptions/{session['subscription']}")
    stripe_sandbox.deliver()
    assert not has_feature(subscriber, "reports")


def test_a_lost_end_is_found_by_a_run(shop, skewed, buy, subscriber, stripe_sandbox):
    session = buy("pro_monthly")
    path = f"/v1/subscriptions/{session['subscription']}"
    shop.call("POST", path, {"cancel_at_period_end": True})
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10)
    shop.call("DELETE", path)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    report = reconcile(apply=True)
    assert (report.errors, report.run.drift_left) == ([], 0)
    assert Subscription.objects.get().status == "canceled"
    assert not has_feature(subscriber, "reports")


def test_a_purchase_that_nobody_told_of_is_found_by_a_run(
    shop, skewed, buy, subscriber, stripe_sandbox, client, user
):
    client.force_login(user)
    url = client.post(reverse("stripe_billing:checkout"), {"price": "pro_monthly"})["Location"]
    stripe_sandbox.pay(url)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    reconcile(apply=True)
    assert has_feature(subscriber, "reports")


def test_a_one_off_purchase_that_nobody_told_of_is_found_by_a_run(
    shop, skewed, subscriber, stripe_sandbox, client, user
):
    client.force_login(user)
    url = client.post(reverse("stripe_billing:checkout"), {"price": "book"})["Location"]
    stripe_sandbox.pay(url)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    report = reconcile(apply=True)
    assert (report.errors, report.run.drift_left) == ([], 0)
    assert has_feature(subscriber, "reports")


def test_a_lost_refund_is_found_by_a_run(shop, skewed, buy, subscriber, stripe_sandbox):
    session = buy("book")
    stripe_sandbox.advance(10)
    shop.refund(session)
    stripe_sandbox.drop()
    stripe_sandbox.advance(10)
    report = reconcile(apply=True)
    assert (report.errors, report.run.drift_left) == ([], 0)
    assert not has_feature(subscriber, "reports")
