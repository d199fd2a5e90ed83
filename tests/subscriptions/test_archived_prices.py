"""Who keeps a price that is archived, or withdrawn from sale, changes and ends it like others."""

from urllib.parse import parse_qsl

import pytest

from django_stripe_billing.exceptions import (
    PriceNotSoldError,
    PriceWithdrawnError,
    StripeUnavailableError,
)
from django_stripe_billing.models import Price, Subscription
from django_stripe_billing.reconcile import reconcile
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.subscriptions import (
    accept_preview,
    cancel,
    change_plan,
    change_quantity,
    preview_change,
    resume,
    scheduled_change,
    withdraw_scheduled_change,
)

from .conftest import DAY
from .scheduled import SCHEDULES, fail, schedules

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def archive(shop, stripe_sandbox):
    """Take a price off the market at Stripe, as a new price in the catalog's file does."""

    def archive(price=shop.pro_monthly, *, is_told=True):
        shop.call("POST", f"/v1/prices/{price['id']}", {"active": False})
        stripe_sandbox.deliver() if is_told else stripe_sandbox.drop()

    return archive


def item(data):
    [found] = data["items"]["data"]
    return found["price"]["id"], found["quantity"]


def test_seats_are_added_and_given_back_on_an_archived_price(
    shop, row, archive, subscriber, at_stripe
):
    archive()
    shown = preview_change(subscriber, quantity=3)
    assert shown.total > 0
    assert change_quantity(subscriber, 3).items.get().quantity == 3
    assert change_quantity(subscriber, 1).items.get().quantity == 1
    assert item(at_stripe()) == (shop.pro_monthly["id"], 1)


def test_a_change_of_the_quantity_names_the_item_and_the_quantity_alone(
    row, subscriber, stripe_sandbox, settings
):
    sent = []
    inner = stripe_sandbox.engine.handle

    def handle(method, path, body, headers):
        sent.extend(pair for pair in parse_qsl(body) if pair[0].startswith("items"))
        return inner(method, path, body, headers)

    own = {"HTTP_CLIENT": CallableHTTPClient(handle)}
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, **own}
    change_quantity(subscriber, 3)
    item_id = row.items.get().stripe_id
    assert sorted(sent) == [("items[0][id]", item_id), ("items[0][quantity]", "3")]


def test_the_way_from_an_archived_price_to_one_on_sale_is_open_now(
    shop, row, archive, subscriber, at_stripe
):
    archive()
    change_plan(subscriber, price="starter_monthly", quantity=1)
    assert item(at_stripe()) == (shop.starter_monthly["id"], 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda subscriber: change_quantity(subscriber, 1, when="period_end"),
        lambda subscriber: change_plan(
            subscriber, price="starter_monthly", quantity=1, when="period_end"
        ),
    ],
)
def test_what_stripe_does_not_plan_from_an_archived_price_is_one_clear_error_and_leaves_nothing(
    shop, row, archive, subscriber, at_stripe, act
):
    archive()
    with pytest.raises(PriceWithdrawnError, match="now"):
        act(subscriber)
    assert at_stripe()["schedule"] is None
    assert schedules(shop) == []
    assert reconcile().drift == []


def test_a_refused_plan_leaves_the_one_that_was_planned_before(
    shop, scheduled, archive, subscriber
):
    archive()
    with pytest.raises(PriceWithdrawnError):
        change_quantity(subscriber, 3, when="period_end")
    assert scheduled_change(scheduled).quantity == 1


def test_a_planned_change_comes_though_the_price_was_archived_meanwhile(
    shop, scheduled, archive, renewed
):
    archive()
    assert renewed() == 1


def test_a_planned_plan_comes_though_it_was_archived_meanwhile(
    shop, row, archive, subscriber, renewed, at_stripe
):
    change_plan(subscriber, price="starter_monthly", quantity=1, when="period_end")
    archive(shop.starter_monthly)
    renewed()
    assert item(at_stripe()) == (shop.starter_monthly["id"], 1)


def test_a_planned_change_from_an_archived_price_can_be_taken_back(
    shop, scheduled, archive, subscriber, renewed
):
    archive()
    withdraw_scheduled_change(subscriber)
    assert renewed() == 2


@pytest.mark.parametrize("when", ["now", "period_end"])
def test_a_price_that_was_archived_unheard_of_is_not_sold(
    shop, row, archive, subscriber, at_stripe, when
):
    archive(shop.starter_monthly, is_told=False)
    assert Price.objects.get(lookup_key="starter_monthly").active
    with pytest.raises(PriceNotSoldError):
        change_plan(subscriber, price="starter_monthly", quantity=1, when=when)
    with pytest.raises(PriceNotSoldError):
        preview_change(subscriber, price="starter_monthly", quantity=1)
    assert item(at_stripe()) == (shop.pro_monthly["id"], 2)
    assert at_stripe()["schedule"] is None


def test_an_end_needs_no_price_that_is_on_sale(
    shop, scheduled, archive, subscriber, stripe_sandbox, at_stripe
):
    archive()
    row = cancel(subscriber, feedback="too_expensive")
    assert row.is_ending
    assert set(row.entitlements.values_list("ends_at", flat=True)) == {
        row.items.get().current_period_end_at
    }
    assert at_stripe()["cancellation_details"]["feedback"] == "too_expensive"
    assert schedules(shop) == []
    stripe_sandbox.advance(25 * DAY)
    stripe_sandbox.deliver()
    assert Subscription.objects.get().status == "canceled"
    assert reconcile().drift == []


def test_such_an_end_is_taken_back_like_any_other(
    scheduled, archive, subscriber, renewed, at_stripe
):
    archive()
    cancel(subscriber)
    assert not resume(subscriber).is_ending
    assert renewed() == 2


def test_an_end_whose_second_call_failed_is_completed_by_asking_again(
    scheduled, archive, subscriber, stripe_sandbox
):
    archive()
    path = f"/v1/subscriptions/{scheduled.stripe_id}"
    fail(stripe_sandbox, method="POST", path=path, status=500)
    with pytest.raises(StripeUnavailableError):
        cancel(subscriber)
    assert cancel(subscriber).is_ending


def test_an_outage_releases_no_schedule(scheduled, archive, subscriber, stripe_sandbox):
    archive()
    fail(stripe_sandbox, method="POST", path=f"{SCHEDULES}/", status=500)
    with pytest.raises(StripeUnavailableError):
        cancel(subscriber)
    assert scheduled_change(scheduled).quantity == 1


def test_a_previewed_quantity_of_a_price_that_was_withdrawn_is_accepted(
    shop, stripe_sandbox, row, subscriber, at_stripe
):
    shop.call("POST", f"/v1/prices/{shop.pro_monthly['id']}", {"metadata": {"sellable": "false"}})
    stripe_sandbox.deliver()
    accept_preview(subscriber, preview_change(subscriber, quantity=3).token)
    assert at_stripe()["items"]["data"][0]["quantity"] == 3


def test_who_pays_in_a_local_currency_of_the_price_changes_the_quantity(row, subscriber, at_stripe):
    Subscription.objects.update(currency="eur")  # by `currency_options`; the price is in dollars
    change_quantity(subscriber, 3)
    assert at_stripe()["items"]["data"][0]["quantity"] == 3


def test_an_end_at_once_whose_answer_was_lost_is_no_error(
    row, subscriber, stripe_sandbox, settings, at_stripe
):
    lost = []

    def handle(method, path, body, headers):
        answer = stripe_sandbox.engine.handle(method, path, body, headers)
        if method == "DELETE" and not lost:
            lost.append(path)
            raise ConnectionError("The answer was lost.")
        return answer

    settings.STRIPE_BILLING = {
        **settings.STRIPE_BILLING,
        "HTTP_CLIENT": CallableHTTPClient(handle),
        "MAX_NETWORK_RETRIES": 2,
    }
    assert cancel(subscriber, when="now").status == "canceled"
    assert lost and at_stripe()["status"] == "canceled"
