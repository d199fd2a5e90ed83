"""Discounts on the sandbox's invoices, prorations and previews."""

import pytest

from django_stripe_billing.sandbox import SandboxError

from .conftest import START

DAY, HOUR = 86_400, 3_600
MONTH = 30 * DAY
"""The month after START."""


def coupon(shop, **values):
    return shop.call("POST", "/v1/coupons", {"percent_off": 50, "duration": "forever", **values})


def preview(shop, subscription=None, **values):
    given = {"subscription": subscription["id"]} if subscription else {}
    return shop.call("POST", "/v1/invoices/create_preview", {**given, **values})


def totals(shop, subscription):
    """Newest first."""
    return [invoice["total"] for invoice in shop.invoices(subscription)]


def change_to(shop, subscription, price, **values):
    item = subscription["items"]["data"][0]
    return {"items": [{"id": item["id"], "price": price["id"]}], **values}


def test_a_coupon_for_three_months_is_off_three_invoices(shop):
    made = coupon(shop, duration="repeating", duration_in_months=3)
    subscription = shop.subscribe(discounts=[{"coupon": made["id"]}])
    for month in range(4):
        ends = shop.read(subscription)["items"]["data"][0]["current_period_end"]
        expected = preview(shop, subscription)["total"]
        shop.advance(ends - shop.engine.now + HOUR)
        assert totals(shop, subscription)[0] == expected == (1000 if month < 2 else 2000)
    assert totals(shop, subscription) == [2000, 2000, 1000, 1000, 1000]
    assert shop.read(subscription)["discounts"] == []
    ended = [event for event in shop.engine.events if event["type"].endswith("discount.deleted")]
    assert len(ended) == 1
    changed = [
        event["data"]["previous_attributes"]
        for event in shop.engine.events
        if event["type"] == "customer.subscription.updated"
    ]
    assert sum("discounts" in previous for previous in changed) == 1


def test_a_coupon_for_once_is_not_used_up_by_a_trial(shop):
    made = coupon(shop, duration="once")
    subscription = shop.subscribe(discounts=[{"coupon": made["id"]}], trial_period_days=7)
    shop.advance(7 * DAY + HOUR)
    shop.advance(MONTH + DAY)
    assert totals(shop, subscription) == [2000, 1000, 0]


def test_a_free_subscription_needs_no_card(shop):
    poor = shop.call("POST", "/v1/customers", {})
    made = coupon(shop, percent_off=100)
    values = {"customer": poor["id"], "discounts": [{"coupon": made["id"]}]}
    subscription = shop.subscribe(**values)
    assert subscription["status"] == "active"
    assert totals(shop, subscription) == [0]
    extra = {"price_data": {"currency": "usd", "product": shop.product["id"], "unit_amount": 500}}
    with pytest.raises(SandboxError):
        shop.subscribe(**{**values, "discounts": []}, add_invoice_items=[extra])


def test_an_upgrade_is_prorated_by_what_was_paid_and_what_will_be(shop):
    dear = shop.add_price(6000, "month")
    made = coupon(shop)
    subscription = shop.subscribe(discounts=[{"coupon": made["id"]}])
    shop.advance(MONTH // 2)
    details = change_to(shop, subscription, dear, proration_behavior="always_invoice")
    expected = preview(shop, subscription, subscription_details=details)
    assert [line["amount"] for line in expected["lines"]["data"]] == [-500, 1500]
    shop.change(subscription, **details)
    assert totals(shop, subscription) == [1000, 1000]
    assert shop.invoices(subscription)[0]["lines"]["data"][0]["discountable"] is False
    shop.advance(MONTH // 2 + HOUR)
    assert totals(shop, subscription)[0] == 3000


def test_what_was_bought_with_a_coupon_for_once_is_credited_at_the_price_that_was_paid(shop):
    dear = shop.add_price(6000, "month")
    made = coupon(shop, duration="once")
    subscription = shop.subscribe(discounts=[{"coupon": made["id"]}])
    shop.advance(MONTH // 2)
    details = change_to(shop, subscription, dear, proration_behavior="always_invoice")
    expected = preview(shop, subscription, subscription_details=details)["total"]
    shop.change(subscription, **details)
    assert totals(shop, subscription) == [-500 + 3000, 1000]
    assert expected == 2500
    dearest = shop.add_price(8000, "month")
    shop.change(subscription, **change_to(shop, subscription, dearest))
    waiting = shop.call("GET", "/v1/invoiceitems", {"pending": True})["data"][::-1]
    assert [row["amount"] for row in waiting] == [-3000, 4000], "the upgrade was paid in full"


def test_a_coupon_that_comes_with_an_upgrade_discounts_the_upgrade(shop):
    dear = shop.add_price(6000, "month")
    made = coupon(shop)
    subscription = shop.subscribe()
    shop.advance(MONTH // 2)
    details = change_to(shop, subscription, dear, proration_behavior="always_invoice")
    given = [{"coupon": made["id"]}]
    expected = preview(shop, subscription, subscription_details=details, discounts=given)
    assert expected["total"] == -1000 + 1500
    assert shop.call("GET", f"/v1/coupons/{made['id']}")["times_redeemed"] == 0
    shop.change(subscription, **details, discounts=given)
    assert totals(shop, subscription)[0] == expected["total"]
    assert shop.call("GET", f"/v1/coupons/{made['id']}")["times_redeemed"] == 1


def test_an_amount_off_is_shared_by_what_is_prorated(shop):
    dear = shop.add_price(6000, "month")
    made = shop.call(
        "POST", "/v1/coupons", {"amount_off": 400, "currency": "usd", "duration": "forever"}
    )
    subscription = shop.subscribe(discounts=[{"coupon": made["id"]}])
    assert totals(shop, subscription) == [1600]
    shop.advance(MONTH // 2)
    shop.change(
        subscription, **change_to(shop, subscription, dear, proration_behavior="always_invoice")
    )
    assert totals(shop, subscription)[0] == -800 + 2800


def test_a_preview_takes_coupons_codes_and_none(shop):
    made = coupon(shop)
    subscription = shop.subscribe()
    code = shop.call(
        "POST", "/v1/promotion_codes", {"promotion": {"type": "coupon", "coupon": made["id"]}}
    )
    with_coupon = preview(shop, subscription, discounts=[{"coupon": made["id"]}])
    assert with_coupon["total"] == 1000
    assert with_coupon["total_discount_amounts"][0]["amount"] == 1000
    assert preview(shop, subscription, discounts=[{"promotion_code": code["id"]}])["total"] == 1000
    shop.change(subscription, discounts=[{"coupon": made["id"]}])
    (held,) = shop.read(subscription)["discounts"]
    assert preview(shop, subscription)["total"] == 1000
    assert preview(shop, subscription, discounts="")["total"] == 2000
    assert preview(shop, subscription, discounts=[{"discount": held}])["total"] == 1000
    with pytest.raises(SandboxError) as refusal:
        preview(shop, subscription, discounts=[{"coupon": "none"}])
    assert refusal.value.param == "discounts[0][coupon]"
    with pytest.raises(SandboxError):
        preview(shop, subscription, discounts=[{"discount": "di_else"}])


def test_a_new_subscription_is_previewed_with_its_coupon(shop):
    made = coupon(shop, duration="once")
    items = {"items": [{"price": shop.price["id"], "quantity": 3}]}
    given = [{"coupon": made["id"]}]
    expected = preview(
        shop, customer=shop.customer["id"], subscription_details=items, discounts=given
    )
    subscription = shop.subscribe(**items, discounts=given)
    assert totals(shop, subscription) == [expected["total"]] == [3000]


def test_an_upcoming_invoice_is_told_with_its_discount(shop):
    made = coupon(shop)
    shop.subscribe(discounts=[{"coupon": made["id"]}])
    shop.advance(MONTH - 7 * DAY)
    event = shop.engine.events[-1]
    assert (event["type"], event["created"]) == ("invoice.upcoming", START + MONTH - 7 * DAY)
    assert event["data"]["object"]["amount_due"] == 1000


def test_a_manual_invoice_has_discounts_of_its_own_and_follows_its_items(shop):
    made = coupon(shop)
    item = {"customer": shop.customer["id"], "amount": 1500, "currency": "usd"}
    shop.call("POST", "/v1/invoiceitems", item)
    invoice = shop.call(
        "POST",
        "/v1/invoices",
        {
            "customer": shop.customer["id"],
            "pending_invoice_items_behavior": "include",
            "discounts": [{"coupon": made["id"]}],
            "expand": ["discounts"],
        },
    )
    assert (invoice["subtotal"], invoice["total"]) == (1500, 750)
    assert invoice["discounts"][0]["invoice"] == invoice["id"]
    shop.call("POST", "/v1/invoiceitems", {**item, "amount": 500, "invoice": invoice["id"]})
    after = shop.call("GET", f"/v1/invoices/{invoice['id']}")
    assert (after["subtotal"], after["total"]) == (2000, 1000)
    paid = shop.call("POST", f"/v1/invoices/{invoice['id']}/pay")
    assert paid["amount_paid"] == 1000


def test_a_refused_coupon_changes_nothing(shop):
    subscription = shop.subscribe()
    before = shop.read(subscription)
    with pytest.raises(SandboxError):
        shop.change(subscription, metadata={"a": "b"}, discounts=[{"coupon": "none"}])
    assert shop.read(subscription) == before
