"""Meters, their events and what is billed for them."""

from decimal import Decimal

import pytest

from django_stripe_billing.sandbox import SandboxError
from django_stripe_billing.sandbox.resources.meters import metered_quantity

from .conftest import START

DAY = 86_400
MINUTE_START = START - START % 60


def meter(shop, formula="sum", **values):
    return shop.call(
        "POST",
        "/v1/billing/meters",
        {
            "display_name": "Calls",
            "event_name": f"calls_{formula}",
            "default_aggregation": {"formula": formula},
            **values,
        },
    )


def report(shop, made, value, **values):
    payload = {"stripe_customer_id": shop.customer["id"], "value": value}
    return shop.call(
        "POST",
        "/v1/billing/meter_events",
        {"event_name": made["event_name"], "payload": payload, **values},
    )


def summaries(shop, made, **values):
    return shop.call(
        "GET",
        f"/v1/billing/meters/{made['id']}/event_summaries",
        {
            "customer": shop.customer["id"],
            "start_time": MINUTE_START - 10 * DAY,
            "end_time": MINUTE_START + 60,
            **values,
        },
    )["data"]


@pytest.mark.parametrize(("formula", "total"), [("sum", 9.5), ("count", 3), ("last", 4)])
def test_usage_is_aggregated_by_the_meters_formula(shop, formula, total):
    made = meter(shop, formula)
    for value, ago in (("3", 10), ("2.5", 20), ("4", 0)):
        report(shop, made, value, timestamp=START - ago)
    (whole,) = summaries(shop, made)
    assert (whole["aggregated_value"], whole["meter"]) == (total, made["id"])


def test_usage_is_told_by_day_newest_first(shop):
    made = meter(shop)
    for days in (0, 1, 1, 3):
        report(shop, made, 5, timestamp=START - days * DAY)
    midnight = START - START % DAY
    rows = summaries(
        shop,
        made,
        start_time=midnight - 5 * DAY,
        end_time=midnight + DAY,
        value_grouping_window="day",
    )
    assert [row["aggregated_value"] for row in rows] == [5, 10, 5]
    for values in ({"start_time": START + 1}, {"start_time": MINUTE_START + 120}):
        with pytest.raises(SandboxError) as refusal:
            summaries(shop, made, **values)
        assert refusal.value.param == "start_time"


def test_an_identifier_counts_once_for_a_day_and_can_be_taken_back(shop):
    made = meter(shop)
    report(shop, made, 5, identifier="one")
    with pytest.raises(
        SandboxError, match="An event already exists with identifier one"
    ) as refusal:
        report(shop, made, 5, identifier="one")
    assert (refusal.value.status, refusal.value.type) == (400, "invalid_request_error")
    report(shop, made, 7, identifier="two")
    cancel = {"event_name": made["event_name"], "type": "cancel", "cancel": {"identifier": "two"}}
    done = shop.call("POST", "/v1/billing/meter_event_adjustments", cancel)
    assert done["status"] == "complete"
    assert summaries(shop, made)[0]["aggregated_value"] == 5
    for identifier in ("two", "three"):
        with pytest.raises(SandboxError):
            shop.call(
                "POST",
                "/v1/billing/meter_event_adjustments",
                {**cancel, "cancel": {"identifier": identifier}},
            )
    shop.advance(DAY)
    report(shop, made, 5, identifier="one")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"event_name": "other"}, "resource_missing"),
        ({"payload": {"value": "1"}}, "meter_event_no_customer_defined"),
        ({"payload": {"stripe_customer_id": "cus_0", "value": "1"}}, "resource_missing"),
        ({"timestamp": START - 35 * DAY - 1}, "timestamp_too_far_in_past"),
        ({"timestamp": START + 301}, "timestamp_in_future"),
        ({"identifier": "x" * 101}, ""),
    ],
)
def test_an_event_that_stripe_would_refuse_is_not_counted(shop, values, code):
    made = meter(shop)
    with pytest.raises(SandboxError) as refusal:
        report(shop, made, 1, **values)
    assert (refusal.value.status, refusal.value.code) == (400, code)
    assert summaries(shop, made)[0]["aggregated_value"] == 0


@pytest.mark.parametrize("value", ["", "many", "NaN", "Infinity"])
def test_a_value_that_is_no_number_is_refused(shop, value):
    with pytest.raises(SandboxError) as refusal:
        report(shop, meter(shop), value)
    assert refusal.value.code == "meter_event_invalid_value"


def test_the_windows_edges_are_taken(shop):
    made = meter(shop)
    report(shop, made, 1, timestamp=START - 35 * DAY)
    report(shop, made, 1, timestamp=START + 300)


def test_a_meter_is_switched_off_and_on_and_its_name_is_taken_once(shop):
    made = meter(shop)
    with pytest.raises(SandboxError, match="already an active meter"):
        meter(shop)
    path = f"/v1/billing/meters/{made['id']}"
    assert shop.call("POST", path, {"display_name": "Asks"})["display_name"] == "Asks"
    off = shop.call("POST", f"{path}/deactivate")
    assert (off["status"], off["status_transitions"]["deactivated_at"]) == ("inactive", START)
    with pytest.raises(SandboxError, match="No active meter"):
        report(shop, made, 1)
    other = meter(shop)
    with pytest.raises(SandboxError, match="Another active meter"):
        shop.call("POST", f"{path}/reactivate")
    shop.call("POST", f"/v1/billing/meters/{other['id']}/deactivate")
    assert shop.call("POST", f"{path}/reactivate")["status"] == "active"
    found = shop.call("GET", "/v1/billing/meters", {"status": "active"})["data"]
    assert [row["id"] for row in found] == [made["id"]]


def test_a_metered_price_is_billed_for_the_usage_of_a_period(shop):
    made = meter(shop)
    with pytest.raises(SandboxError, match="backed by meters"):
        shop.add_price(2, "month", recurring={"interval": "month", "usage_type": "metered"})
    recurring = {"interval": "month", "usage_type": "metered", "meter": made["id"]}
    price = shop.add_price(2, "month", recurring=recurring)
    subscription = shop.subscribe(items=[{"price": price["id"]}])
    assert subscription["items"]["data"][0]["quantity"] is None
    report(shop, made, 10)
    report(shop, made, 5, timestamp=START - 60)
    usage = metered_quantity(shop.engine, shop.customer["id"], price, START, START + 30 * DAY)
    assert usage == Decimal(10)
    assert metered_quantity(shop.engine, "cus_other", price, 0, START * 2) == 0


@pytest.fixture
def metered(shop):
    """A meter that sums, and a subscription that pays two cents for each call and 20.00 a month."""
    made = meter(shop)
    recurring = {"interval": "month", "usage_type": "metered", "meter": made["id"]}
    price = shop.add_price(2, "month", recurring=recurring)
    items = [{"price": shop.price["id"]}, {"price": price["id"]}]
    return shop.subscribe(items=items)


def use(shop, value, *, at=None):
    params = {
        "event_name": "calls_sum",
        "payload": {"stripe_customer_id": shop.customer["id"], "value": value},
    }
    return shop.call(
        "POST", "/v1/billing/meter_events", params | ({} if at is None else {"timestamp": at})
    )


def lines(shop, subscription):
    """Amount and quantity of the latest invoice's lines."""
    return [
        (line["amount"], line["quantity"], line["period"]["start"], line["period"]["end"])
        for line in shop.invoices(subscription)[0]["lines"]["data"]
    ]


MONTH = 30 * DAY
NEXT = START + MONTH + 31 * DAY
"""The end of the second period."""


def test_a_renewal_bills_the_usage_of_the_past_period(shop, metered):
    assert lines(shop, metered)[1] == (0, 0, START, START + MONTH)
    shop.advance(DAY)
    use(shop, "10")
    use(shop, "1.5")
    preview = {"subscription": metered["id"]}
    assert shop.call("POST", "/v1/invoices/create_preview", preview)["total"] == 2023
    shop.advance(MONTH - DAY)
    draft = shop.invoices(metered)[0]
    assert draft["status"] == "draft"
    assert lines(shop, metered) == [
        (2000, 1, START + MONTH, NEXT),
        (23, 11, START, START + MONTH),
    ]
    assert draft["lines"]["data"][1]["quantity_decimal"] == "11.5"
    shop.advance(3600)
    assert shop.invoices(metered)[0]["amount_paid"] == 2023
    use(shop, "7")
    shop.advance(NEXT - shop.engine.now + 3600)
    assert lines(shop, metered)[1] == (14, 7, START + MONTH, NEXT)


def test_usage_that_is_told_of_late_counts_while_the_invoice_is_a_draft(shop, metered):
    shop.advance(MONTH + 1800)
    use(shop, "5", at=START + MONTH - 60)
    use(shop, "3")
    shop.advance(1800)
    paid = shop.invoices(metered)[0]
    assert (paid["status"], paid["total"]) == ("paid", 2010)
    use(shop, "100", at=START + MONTH - 60)
    shop.advance(NEXT - shop.engine.now + 3600)
    assert shop.invoices(metered)[0]["total"] == 2006, "after that it is too late"


def test_usage_in_a_trial_costs_nothing(shop):
    made = meter(shop)
    recurring = {"interval": "month", "usage_type": "metered", "meter": made["id"]}
    price = shop.add_price(2, "month", recurring=recurring)
    subscription = shop.subscribe(items=[{"price": price["id"]}], trial_period_days=10)
    use(shop, "50")
    shop.advance(10 * DAY + 3600)
    use(shop, "4")
    assert shop.invoices(subscription)[0]["total"] == 0
    shop.advance(32 * DAY)
    assert shop.invoices(subscription)[0]["total"] == 8


def test_the_last_usage_is_billed_when_the_subscription_ends(shop, metered):
    shop.change(metered, cancel_at_period_end=True)
    use(shop, "6")
    shop.advance(MONTH)
    assert shop.read(metered)["status"] == "canceled"
    assert [(amount, quantity) for amount, quantity, *_ in lines(shop, metered)] == [(12, 6)]


def test_an_immediate_cancellation_bills_usage_only_when_it_is_told_to(shop, metered):
    use(shop, "6")
    shop.advance(DAY)
    expected = shop.call(
        "POST",
        "/v1/invoices/create_preview",
        {
            "subscription": metered["id"],
            "subscription_details": {"cancel_now": True, "proration_behavior": "none"},
        },
    )
    shop.call("DELETE", f"/v1/subscriptions/{metered['id']}", {"invoice_now": True})
    assert shop.invoices(metered)[0]["total"] == expected["total"] == 12


def test_packages_of_usage_are_rounded(shop):
    made = meter(shop)
    recurring = {"interval": "month", "usage_type": "metered", "meter": made["id"]}
    packages = {"divide_by": 10, "round": "up"}
    price = shop.add_price(100, "month", recurring=recurring, transform_quantity=packages)
    subscription = shop.subscribe(items=[{"price": price["id"]}])
    use(shop, "21")
    shop.advance(MONTH + 3600)
    assert shop.invoices(subscription)[0]["total"] == 300
