"""Metered items that come to a running subscription, leave it, or change their price."""

import pytest

from .conftest import START
from .test_meters import DAY, MONTH, NEXT, meter, use

MIDDLE = START + 10 * DAY


@pytest.fixture
def metered_price(shop):
    """Two cents for each call."""
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter(shop)["id"]}
    return shop.add_price(2, "month", recurring=recurring)


@pytest.fixture
def subscription(shop, metered_price):
    """20.00 a month, ten days old; five calls were made before anybody counted them."""
    made = shop.subscribe()
    use(shop, 5)
    shop.advance(MIDDLE - START)
    return made


def add_by_item(shop, subscription, price):
    params = {"subscription": subscription["id"], "price": price["id"]}
    return shop.call("POST", "/v1/subscription_items", params)


def add_by_update(shop, subscription, price):
    return shop.change(subscription, items=[{"price": price["id"]}])["items"]["data"][-1]


def delete_by_item(shop, subscription, item, **values):
    return shop.call("DELETE", f"/v1/subscription_items/{item['id']}", values)


def delete_by_update(shop, subscription, item, **values):
    return shop.change(subscription, items=[{"id": item["id"], "deleted": True}], **values)


def usage_lines(shop, subscription, number=0):
    """What the latest invoice, or one before it, charges besides the plan."""
    return [
        (line["amount"], line["quantity"], line["period"]["start"], line["period"]["end"])
        for line in shop.invoices(subscription)[number]["lines"]["data"]
        if line["pricing"]["price_details"]["price"] != shop.price["id"]
    ]


@pytest.mark.parametrize("add", [add_by_item, add_by_update])
def test_an_added_metered_item_is_billed_at_the_renewal_for_what_was_used_since(
    shop, subscription, metered_price, add
):
    add(shop, subscription, metered_price)
    shop.advance(DAY)
    use(shop, 7)
    preview = {"subscription": subscription["id"]}
    assert shop.call("POST", "/v1/invoices/create_preview", preview)["total"] == 2014
    shop.advance(START + MONTH - shop.engine.now + 3600)
    assert usage_lines(shop, subscription) == [(14, 7, MIDDLE, START + MONTH)]
    assert shop.invoices(subscription)[0]["amount_paid"] == 2014
    use(shop, 3)
    shop.advance(NEXT - shop.engine.now + 3600)
    assert usage_lines(shop, subscription) == [(6, 3, START + MONTH, NEXT)]


def test_an_added_metered_item_is_billed_at_the_end(shop, subscription, metered_price):
    add_by_item(shop, subscription, metered_price)
    use(shop, 7)
    shop.advance(DAY)
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}", {"invoice_now": True})
    assert usage_lines(shop, subscription) == [(14, 7, MIDDLE, MIDDLE + DAY)]


def test_usage_of_an_item_that_is_added_in_a_trial_costs_nothing_before_its_end(
    shop, metered_price
):
    subscription = shop.subscribe(trial_period_days=20)
    shop.advance(5 * DAY)
    add_by_item(shop, subscription, metered_price)
    use(shop, 50)
    shop.advance(15 * DAY + 3600)
    use(shop, 4)
    shop.advance(32 * DAY)
    assert [(amount, used) for amount, used, *_ in usage_lines(shop, subscription)] == [(8, 4)]
    assert shop.invoices(subscription)[1]["total"] == 2000


@pytest.mark.parametrize("delete", [delete_by_item, delete_by_update])
def test_the_usage_of_a_deleted_item_is_billed_at_the_renewal(
    shop, subscription, metered_price, delete
):
    item = add_by_item(shop, subscription, metered_price)
    use(shop, 7)
    shop.advance(DAY)
    delete(shop, subscription, item)
    use(shop, 100)
    shop.advance(START + MONTH - shop.engine.now + 3600)
    assert usage_lines(shop, subscription) == [(14, 7, MIDDLE, MIDDLE + DAY)]
    assert shop.invoices(subscription)[0]["amount_paid"] == 2014


def test_the_usage_of_a_deleted_item_is_billed_at_once_where_everything_is(
    shop, subscription, metered_price
):
    item = add_by_item(shop, subscription, metered_price)
    use(shop, 7)
    shop.advance(DAY)
    delete_by_item(shop, subscription, item, proration_behavior="always_invoice")
    assert shop.invoices(subscription)[0]["amount_paid"] == 14


@pytest.mark.parametrize(
    "values", [{"clear_usage": True}, {"clear_usage": False}], ids=["cleared", "kept"]
)
def test_clear_usage_has_no_effect_where_a_meter_counts(shop, subscription, metered_price, values):
    item = add_by_item(shop, subscription, metered_price)
    use(shop, 7)
    shop.advance(DAY)
    delete_by_item(shop, subscription, item, **values)
    shop.advance(START + MONTH - shop.engine.now + 3600)
    assert shop.invoices(subscription)[0]["amount_paid"] == 2014


@pytest.mark.parametrize("mode", ["flexible", "classic"])
def test_the_usage_of_a_deleted_item_is_lost_in_classic_mode_or_without_prorations(
    shop, metered_price, mode
):
    subscription = shop.subscribe(billing_mode={"type": mode})
    item = add_by_item(shop, subscription, metered_price)
    use(shop, 7)
    shop.advance(DAY)
    values = {} if mode == "classic" else {"proration_behavior": "none"}
    delete_by_item(shop, subscription, item, **values)
    shop.advance(MONTH)
    assert shop.invoices(subscription)[0]["amount_paid"] == 2000


@pytest.mark.parametrize(("mode", "total"), [("flexible", 2000 + 14 + 9), ("classic", 2000 + 9)])
def test_a_changed_metered_price_counts_from_the_change_and_the_old_one_until_it(
    shop, metered_price, mode, total
):
    subscription = shop.subscribe(billing_mode={"type": mode})
    item = add_by_item(shop, subscription, metered_price)
    dearer = shop.add_price(3, "month", recurring=metered_price["recurring"])
    use(shop, 7)
    shop.advance(DAY)
    path = f"/v1/subscription_items/{item['id']}"
    for price in (dearer, metered_price, dearer):
        shop.call("POST", path, {"price": price["id"]})
    shop.advance(DAY)
    use(shop, 3)
    shop.advance(START + MONTH - shop.engine.now + 3600)
    assert shop.invoices(subscription)[0]["amount_paid"] == total


def test_a_scheduled_change_bills_the_usage_of_what_it_takes_away(shop, metered_price):
    subscription = shop.subscribe(
        items=[{"price": shop.price["id"]}, {"price": metered_price["id"]}]
    )
    use(shop, 7)
    schedule = shop.call(
        "POST", "/v1/subscription_schedules", {"from_subscription": subscription["id"]}
    )
    (phase,) = schedule["phases"]
    first = {
        "start_date": phase["start_date"],
        "end_date": phase["end_date"],
        "items": [{"price": shop.price["id"]}, {"price": metered_price["id"]}],
    }
    second = {
        "start_date": phase["end_date"],
        "duration": {"interval": "month", "interval_count": 1},
        "items": [{"price": shop.price["id"]}],
    }
    shop.call("POST", f"/v1/subscription_schedules/{schedule['id']}", {"phases": [first, second]})
    shop.advance(MONTH + 3600)
    assert shop.invoices(subscription)[0]["amount_paid"] == 2014
