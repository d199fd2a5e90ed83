"""Stripe's answers and its events may be of two clocks: what is lost by that is nobody's access."""

from email.utils import formatdate

import pytest
from django.urls import reverse

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import Invoice, Subscription
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.sync import Cause, sync_invoice, sync_subscription
from django_stripe_billing.webhooks import receive

from ..payloads import NOW, event, invoice, item, items, subscription
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


AHEAD = NOW + 60 * DAY
"""The events' clock was advanced; the answers' Date is the real one."""


def told(status, created):
    ending = items(item(current_period_end=AHEAD + 30 * DAY))
    return event(
        "customer.subscription.updated", subscription(status=status, items=ending), created=created
    )


def test_an_older_event_of_an_advanced_clock_overwrites_no_fetch(
    stripe_answers, catalog, customer, subscriber
):
    ending = items(item(current_period_end=AHEAD + 30 * DAY))
    stripe_answers.objects["/v1/subscriptions/sub_1"] = subscription(status="paused", items=ending)
    sync_subscription("sub_1", cause=Cause(kind="checkout"))
    assert not has_feature(subscriber, "reports")
    receive(told("active", AHEAD - 100))
    assert not has_feature(subscriber, "reports")
    assert Subscription.objects.get().status == "paused"


def test_an_older_event_overwrites_no_fetch_that_came_after_events_of_an_advanced_clock(
    stripe_answers, catalog, customer, subscriber
):
    ending = items(item(current_period_end=AHEAD + 30 * DAY))
    receive(told("active", AHEAD - 300))
    assert has_feature(subscriber, "reports")
    stripe_answers.objects["/v1/subscriptions/sub_1"] = subscription(status="paused", items=ending)
    sync_subscription("sub_1", cause=Cause(kind="checkout"))
    receive(told("trialing", AHEAD - 200))
    assert not has_feature(subscriber, "reports")


def test_events_of_an_advanced_clock_cost_no_call_in_order(
    stripe_answers, catalog, customer, subscriber
):
    for second, status in enumerate(["incomplete", "active", "past_due", "canceled"]):
        receive(told(status, AHEAD + second))
        assert Subscription.objects.get().status == status
    asked = [path for _method, path, *_rest in stripe_answers.requests]
    assert asked == ["/v1/invoices/in_1"]  # of `past_due`, where no invoice is known


def test_an_older_event_about_an_invoice_overwrites_no_fetch(stripe_answers, catalog, customer):
    path = "/v1/invoices/in_1"
    stripe_answers.objects[path] = invoice(total=3000, subscription=None)
    sync_invoice("in_1", cause=Cause(kind="checkout"))
    old = invoice(total=2000, subscription=None)
    receive(event("invoice.updated", old, created=AHEAD - 100))
    assert Invoice.objects.get().total == 3000
