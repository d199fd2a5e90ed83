"""When the periods of a new subscription begin, and what is billed before."""

from datetime import UTC, datetime

import pytest

from django_stripe_billing.sandbox import SandboxError

from .conftest import START

DAY = 86_400


def lines_of(shop, subscription):
    invoice = shop.call("GET", f"/v1/invoices/{subscription['latest_invoice']}")
    return [
        (line["amount"], line["period"]["start"], line["period"]["end"])
        for line in invoice["lines"]["data"]
    ]


def period_of(subscription):
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def test_a_day_of_the_month_is_the_anchor(shop):
    now = datetime.fromtimestamp(START, UTC)
    assert (now.month, now.day) == (9, 21)

    for day, expected in ((25, (9, 25)), (1, (10, 1)), (21, (10, 21))):
        subscription = shop.subscribe(billing_cycle_anchor_config={"day_of_month": day})
        anchor = datetime.fromtimestamp(subscription["billing_cycle_anchor"], UTC)
        assert (anchor.month, anchor.day, anchor.time()) == (*expected, now.time())
        assert subscription["billing_cycle_anchor_config"]["day_of_month"] == day


def test_a_day_of_the_year_is_the_anchor_at_its_hour(shop):
    config = {"day_of_month": 31, "month": 2, "hour": 6, "minute": 0, "second": 0}

    subscription = shop.subscribe(billing_cycle_anchor_config=config)

    anchor = datetime.fromtimestamp(subscription["billing_cycle_anchor"], UTC)
    assert anchor == datetime(2027, 2, 28, 6, tzinfo=UTC)


def test_an_anchor_is_named_in_one_way(shop):
    with pytest.raises(SandboxError, match="only specify one"):
        shop.subscribe(
            billing_cycle_anchor=START + DAY, billing_cycle_anchor_config={"day_of_month": 1}
        )


def test_a_start_in_the_past_bills_each_period_since(shop):
    began = START - 46 * DAY  # 6 August

    subscription = shop.subscribe(backdate_start_date=began)

    assert (subscription["start_date"], subscription["billing_cycle_anchor"]) == (began, START)
    august = START - 31 * DAY
    assert lines_of(shop, subscription) == [
        (968, began, august),  # 15 of 31 days
        (2000, august, START),
        (2000, START, START + 30 * DAY),
    ]


def test_a_start_in_the_past_is_billed_up_to_an_anchor_in_the_future(shop):
    began, anchor = START - 20 * DAY, START + 10 * DAY

    subscription = shop.subscribe(backdate_start_date=began, billing_cycle_anchor=anchor)

    assert period_of(subscription) == (began, anchor)
    assert lines_of(shop, subscription) == [(2000, began, anchor)]


def test_a_start_in_the_past_costs_nothing_without_prorations(shop):
    began = START - 300 * DAY

    subscription = shop.subscribe(backdate_start_date=began, proration_behavior="none")

    assert subscription["start_date"] == began
    assert lines_of(shop, subscription) == [(2000, START, START + 30 * DAY)]


def test_a_start_in_the_past_is_past(shop):
    with pytest.raises(SandboxError, match="in the past"):
        shop.subscribe(backdate_start_date=START + DAY)
