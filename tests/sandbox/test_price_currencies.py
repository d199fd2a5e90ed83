"""One price in several currencies."""

import pytest

from django_stripe_billing.sandbox import SandboxError

DAY = 86_400


@pytest.fixture
def price(shop):
    options = {"eur": {"unit_amount": 1800, "tax_behavior": "inclusive"}}
    return shop.add_price(2000, "month", currency_options=options)


@pytest.fixture
def subscribe(shop, price):
    def subscribe(**values):
        return shop.subscribe(items=[{"price": price["id"]}], **values)

    return subscribe


def test_a_subscription_is_billed_in_the_currency_that_is_asked_for(shop, price, subscribe):
    subscription = subscribe(currency="EUR")

    invoice = shop.invoices(subscription)[0]
    assert (subscription["currency"], invoice["currency"], invoice["total"]) == ("eur", "eur", 1800)
    line = invoice["lines"]["data"][0]
    assert (line["currency"], line["pricing"]["unit_amount_decimal"]) == ("eur", "1800")
    assert subscription["items"]["data"][0]["price"]["currency"] == "usd"
    customer = shop.call("GET", f"/v1/customers/{shop.customer['id']}")
    assert customer["currency"] == "eur"
    shop.advance(31 * DAY)
    assert shop.invoices(subscription)[0]["total"] == 1800


def test_a_customer_goes_on_in_their_currency(subscribe):
    subscribe(currency="eur")

    assert subscribe()["currency"] == "eur"


def test_a_change_is_prorated_in_the_currency_of_the_subscription(shop, subscribe):
    subscription = subscribe(currency="eur")
    item = subscription["items"]["data"][0]["id"]

    shop.change(
        subscription, items=[{"id": item, "quantity": 2}], proration_behavior="always_invoice"
    )

    invoice = shop.invoices(subscription)[0]
    assert (invoice["currency"], invoice["total"]) == ("eur", 1800)
    other = shop.add_price(5000, "month")
    with pytest.raises(SandboxError, match="only supports `usd`"):
        shop.change(subscription, items=[{"id": item, "price": other["id"]}])
    with pytest.raises(SandboxError, match="only supports `usd`"):
        shop.change(subscription, items=[{"price": other["id"]}])


def test_a_currency_that_a_price_has_not_is_refused(shop, price, subscribe):
    with pytest.raises(SandboxError, match="expected currency: `sek`") as refused:
        subscribe(currency="sek")
    assert refused.value.param == "items[0][price]"
    with pytest.raises(SandboxError, match="expected currency: `sek`") as refused:
        shop.checkout(line_items=[{"price": price["id"], "quantity": 1}], currency="sek")
    assert refused.value.param == "line_items[0][price]"


def test_a_checkout_sells_in_the_currency_that_is_asked_for(shop, price):
    session = shop.checkout(line_items=[{"price": price["id"], "quantity": 2}], currency="eur")
    assert (session["currency"], session["amount_total"]) == ("eur", 3600)

    done = shop.engine.complete_checkout(session["id"])

    subscription = shop.call("GET", f"/v1/subscriptions/{done['subscription']}")
    assert subscription["currency"] == "eur"
    assert shop.invoices(subscription)[0]["total"] == 3600


def test_currencies_are_shown_when_they_are_expanded_and_can_be_added(shop, price):
    path = f"/v1/prices/{price['id']}"
    assert "currency_options" not in price

    shop.call("POST", path, {"currency_options": {"gbp": {"unit_amount": 1600}}})

    shown = shop.call("GET", path, {"expand": ["currency_options"]})["currency_options"]
    assert {name: option["unit_amount"] for name, option in shown.items()} == {
        "usd": 2000,
        "eur": 1800,
        "gbp": 1600,
    }
    assert shown["eur"]["tax_behavior"] == "inclusive"


def test_an_invoice_item_has_the_currency_that_is_asked_for(shop):
    options = {"eur": {"unit_amount": 450}}
    given = {"product": shop.product["id"], "currency": "usd", "unit_amount": 500}
    price = shop.call("POST", "/v1/prices", {**given, "currency_options": options})

    entry = shop.call(
        "POST",
        "/v1/invoiceitems",
        {
            "customer": shop.customer["id"],
            "currency": "eur",
            "pricing": {"price": price["id"]},
        },
    )

    assert (entry["amount"], entry["currency"]) == (450, "eur")
    assert entry["pricing"]["unit_amount_decimal"] == "450"
