"""A customer subscribes in one currency at a time."""

import pytest

from django_stripe_billing.sandbox import SandboxError


@pytest.fixture
def in_euro(shop):
    return shop.add_price(1900, "month", currency="eur")


def checkout(shop, price, **values):
    return shop.call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "subscription",
            "customer": shop.customer["id"],
            "line_items": [{"price": price["id"], "quantity": 1}],
            "success_url": "https://shop.example/",
            **values,
        },
    )


def subscribe(shop, price):
    return shop.subscribe(items=[{"price": price["id"]}])


def refused(act):
    with pytest.raises(SandboxError, match=r"cannot combine currencies .* currency usd") as refusal:
        act()
    assert refusal.value.status == 400


def test_a_running_subscription_decides(shop, in_euro):
    running = shop.subscribe()
    before = set(shop.engine.state.objects)
    refused(lambda: subscribe(shop, in_euro))
    refused(lambda: checkout(shop, in_euro))
    assert set(shop.engine.state.objects) == before
    assert checkout(shop, shop.price)["status"] == "open"
    shop.call("DELETE", f"/v1/subscriptions/{running['id']}")


def test_one_that_has_ended_does_not(shop, in_euro):
    running = shop.subscribe()
    shop.call("DELETE", f"/v1/subscriptions/{running['id']}")
    assert subscribe(shop, in_euro)["currency"] == "eur"


def test_an_open_checkout_decides_until_it_is_over(shop, in_euro):
    opened = checkout(shop, shop.price)
    refused(lambda: checkout(shop, in_euro))
    shop.call("POST", f"/v1/checkout/sessions/{opened['id']}/expire")
    assert checkout(shop, in_euro)["currency"] == "eur"


def test_an_item_that_waits_for_an_invoice_decides(shop, in_euro):
    item = {"customer": shop.customer["id"], "amount": 500, "currency": "usd"}
    added = shop.call("POST", "/v1/invoiceitems", item)
    refused(lambda: subscribe(shop, in_euro))
    shop.call("DELETE", f"/v1/invoiceitems/{added['id']}")
    assert subscribe(shop, in_euro)["currency"] == "eur"


def test_what_is_paid_once_may_be_in_any_currency(shop):
    shop.subscribe()
    once = {"product": shop.product["id"], "currency": "eur", "unit_amount": 500}
    price = shop.call("POST", "/v1/prices", once)
    assert checkout(shop, price, mode="payment")["currency"] == "eur"
