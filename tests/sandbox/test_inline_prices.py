"""Prices that a request describes instead of naming them: `price_data`."""

import pytest

from django_stripe_billing.sandbox import SandboxError


def data_of(shop, amount, **values):
    return {
        "product": shop.product["id"],
        "currency": "usd",
        "unit_amount": amount,
        **values,
    }


def monthly(shop, amount, **values):
    return data_of(shop, amount, recurring={"interval": "month"}, **values)


def test_a_subscription_begins_with_a_price_that_stands_in_the_request(shop):
    given = monthly(shop, 1100, tax_behavior="exclusive")

    subscription = shop.subscribe(items=[{"price_data": given, "quantity": 2}])

    price = subscription["items"]["data"][0]["price"]
    assert (price["unit_amount"], price["tax_behavior"]) == (1100, "exclusive")
    assert shop.invoices(subscription)[0]["total"] == 2200
    assert shop.call("GET", f"/v1/prices/{price['id']}") == price


def test_a_price_that_stands_in_a_request_cannot_be_sold_again(shop):
    subscription = shop.subscribe(items=[{"price_data": monthly(shop, 1100)}])
    price = subscription["items"]["data"][0]["price"]
    assert price["active"] is False

    with pytest.raises(SandboxError, match="inactive"):
        shop.subscribe(items=[{"price": price["id"]}])


def test_a_subscription_changes_to_a_price_that_stands_in_the_request(shop):
    subscription = shop.subscribe()
    item = subscription["items"]["data"][0]["id"]

    entry = {"id": item, "price_data": monthly(shop, 3000)}
    subscription = shop.change(subscription, items=[entry], proration_behavior="always_invoice")

    assert subscription["items"]["data"][0]["price"]["unit_amount"] == 3000
    assert shop.invoices(subscription)[0]["total"] == 1000


def test_an_item_by_itself_changes_to_a_price_that_stands_in_the_request(shop):
    item = shop.subscribe()["items"]["data"][0]["id"]

    changed = shop.call(
        "POST", f"/v1/subscription_items/{item}", {"price_data": monthly(shop, 3000)}
    )

    assert changed["price"]["unit_amount"] == 3000


def test_a_preview_keeps_no_price(shop):
    subscription = shop.subscribe()
    item = subscription["items"]["data"][0]["id"]
    before = shop.call("GET", "/v1/prices")["data"]

    preview = shop.call(
        "POST",
        "/v1/invoices/create_preview",
        {
            "subscription": subscription["id"],
            "subscription_details": {
                "items": [{"id": item, "price_data": monthly(shop, 3000)}],
                "proration_behavior": "always_invoice",
            },
            "invoice_items": [{"price_data": data_of(shop, 50)}],
        },
    )

    assert preview["total"] == 1050
    assert shop.call("GET", "/v1/prices")["data"] == before


def test_an_invoice_item_has_a_price_that_stands_in_the_request(shop):
    customer = shop.customer["id"]
    given = {"product": shop.product["id"], "unit_amount_decimal": "1000", "currency": "usd"}

    entry = shop.call(
        "POST", "/v1/invoiceitems", {"customer": customer, "price_data": given, "quantity": 2}
    )
    invoice = shop.call(
        "POST",
        "/v1/invoices",
        {"customer": customer, "pending_invoice_items_behavior": "include"},
    )

    assert (entry["amount"], entry["pricing"]["unit_amount_decimal"]) == (2000, "1000")
    assert invoice["total"] == 2000
    details = invoice["lines"]["data"][0]["pricing"]["price_details"]
    assert details["product"] == shop.product["id"]
    assert shop.call("GET", f"/v1/prices/{details['price']}")["type"] == "one_time"


def test_the_first_invoice_has_an_item_whose_price_stands_in_the_request(shop):
    subscription = shop.subscribe(add_invoice_items=[{"price_data": data_of(shop, 500)}])

    assert shop.invoices(subscription)[0]["total"] == 2500


def test_a_price_that_stands_in_a_request_needs_a_product_that_exists(shop):
    given = {**monthly(shop, 1100), "product": "prod_none"}

    with pytest.raises(SandboxError, match="No such product") as refused:
        shop.subscribe(items=[{"price_data": given}])

    assert refused.value.param == "items[0][price_data][product]"
