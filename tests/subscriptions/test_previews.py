"""What a preview shows is what is charged: hours later, in a trial, on a test clock."""

import pytest

from django_stripe_billing.models import Customer, Subscription
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.subscriptions import accept_preview, change_plan, preview_change

from .conftest import DAY

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600


@pytest.fixture
def sent(stripe_sandbox, settings):
    """The bodies of what is written to subscriptions."""
    inner, bodies = stripe_sandbox.engine.handle, []

    def handle(method, path, body, headers):
        if method.upper() == "POST" and path.startswith("/v1/subscriptions/"):
            bodies.append(body)
        return inner(method, path, body, headers)

    client = CallableHTTPClient(handle)
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "HTTP_CLIENT": client}
    return bodies


@pytest.fixture
def trial(shop, stripe_sandbox, subscriber):
    """A trial of starter, and another plan that has trials as well."""
    shop.add_price(shop.pro, 5000, "pro_trial", trial_days="14", quantity_max="10")
    shop.sync()
    customer = shop.bind(subscriber)
    made = shop.subscribe(customer, shop.starter_monthly, trial_period_days=14)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(2 * DAY)
    return made


def latest(shop, row):
    found = shop.call("GET", f"/v1/subscriptions/{row.stripe_id}")["latest_invoice"]
    return shop.call("GET", f"/v1/invoices/{found}")


def test_hours_later_the_sum_is_still_the_one_that_was_shown(
    shop, row, stripe_sandbox, subscriber, sent
):
    """A token holds a quarter of an hour by our clock; by Stripe's, 20 hours are over."""
    preview = preview_change(subscriber, quantity=5)
    stripe_sandbox.advance(20 * HOUR)
    other = preview_change(subscriber, quantity=5)
    assert other.total < preview.total - 100
    accept_preview(subscriber, preview.token)
    [body] = sent
    assert f"proration_date={preview.proration_date}" in body
    invoice = latest(shop, row)
    assert (invoice["total"], invoice["amount_paid"]) == (preview.total, preview.amount_due)


def test_a_given_proration_date_is_the_one_that_counts(shop, row, stripe_sandbox, subscriber, sent):
    preview = preview_change(subscriber, quantity=5)
    stripe_sandbox.advance(3 * DAY)
    price, moment = preview.price, preview.proration_date
    change_plan(subscriber, price=price, quantity=5, proration_date=moment)
    assert latest(shop, row)["total"] == preview.total
    assert f"proration_date={moment}" in sent[0]


def test_without_proration_none_is_sent(row, subscriber, sent):
    preview = preview_change(subscriber, quantity=5)
    accept_preview(subscriber, preview.token, when="now_without_proration")
    assert "proration_date" not in sent[0]


def test_in_a_trial_that_goes_on_nothing_is_due_now(shop, trial, subscriber, stripe_sandbox, sent):
    preview = preview_change(subscriber, price="pro_trial")
    assert (preview.amount_due, preview.total) == (0, 5000)
    assert (preview.is_due_later, preview.proration_date) == (True, None)
    assert preview.renews_at.timestamp() == trial["trial_end"]
    row = accept_preview(subscriber, preview.token)
    assert "proration_date" not in sent[0]
    assert (row.status, latest(shop, row)["amount_paid"]) == ("trialing", 0)
    stripe_sandbox.advance(13 * DAY)
    stripe_sandbox.deliver()
    assert latest(shop, row)["amount_paid"] == preview.total


def test_a_trial_that_the_change_ends_is_charged_as_shown(shop, trial, subscriber):
    preview = preview_change(subscriber, price="pro_monthly")
    assert not preview.is_due_later
    assert preview.amount_due == 2000
    row = accept_preview(subscriber, preview.token)
    assert (row.status, latest(shop, row)["amount_paid"]) == ("active", 2000)


def test_the_page_says_in_a_trial_that_nothing_is_paid_now(trial, client, user):
    client.force_login(user)
    page = client.get("/billing/change/", {"price": "pro_trial"}).content.decode()
    assert "Change now and pay" not in page
    assert "When the trial ends, on" in page


def test_where_stripe_names_no_moment_none_is_made_up(
    shop, stripe_sandbox, subscriber, sent, monkeypatch
):
    """Of a customer on a test clock our own clock would say nonsense."""
    now = int(stripe_sandbox.engine.clock.now())
    path = "/v1/test_helpers/test_clocks"
    clock = shop.call("POST", path, {"frozen_time": now - 200 * DAY})
    made = shop.add_customer(test_clock=clock["id"])
    stripe_sandbox.deliver()
    Customer.objects.filter(stripe_id=made["id"]).update(subscriber=subscriber)
    shop.subscribe(Customer.objects.get(), shop.starter_monthly)
    stripe_sandbox.deliver()
    inner = preview_change.__globals__["request"]

    def without_moment(method, called, *args, **values):
        answer = inner(method, called, *args, **values)
        if called == "/v1/invoices/create_preview":
            details = answer.data["parent"]["subscription_details"]
            details["subscription_proration_date"] = None
        return answer

    monkeypatch.setitem(preview_change.__globals__, "request", without_moment)
    preview = preview_change(subscriber, price="pro_monthly")
    assert preview.proration_date is None
    accept_preview(subscriber, preview.token)
    assert "proration_date" not in sent[0]
    assert Subscription.objects.get().items.get().price_id == preview.price_id
