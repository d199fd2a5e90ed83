"""Tax rates on subscriptions, items and invoices."""

import pytest

from django_stripe_billing.sandbox import SandboxError


@pytest.fixture
def rate(shop):
    def rate(percentage=21, *, inclusive=False, **values):
        given = {"display_name": "VAT", "percentage": percentage, "inclusive": inclusive}
        return shop.call("POST", "/v1/tax_rates", given | values)

    return rate


def sums(invoice):
    taxes = [tax["amount"] for tax in invoice["total_taxes"]]
    return invoice["subtotal"], taxes, invoice["total"], invoice["total_excluding_tax"]


def test_a_tax_rate_is_made_changed_and_listed(shop, rate):
    made = rate(8.25, jurisdiction="US", country="US", metadata={"a": "b"})
    assert (made["percentage"], made["active"], made["jurisdiction"]) == (8.25, True, "US")
    path = f"/v1/tax_rates/{made['id']}"

    changed = shop.call("POST", path, {"active": False})

    assert shop.call("GET", path) == changed
    assert shop.call("GET", "/v1/tax_rates", {"active": True})["data"] == []
    assert shop.types()[-2:] == ["tax_rate.created", "tax_rate.updated"]
    with pytest.raises(SandboxError, match="between 0 and 100"):
        rate(101)


def test_an_exclusive_rate_comes_on_top_and_an_inclusive_one_is_within(shop, rate):
    on_top = shop.subscribe(default_tax_rates=[rate(21)["id"]])
    within = shop.subscribe(default_tax_rates=[rate(25, inclusive=True)["id"]])

    assert on_top["default_tax_rates"][0]["percentage"] == 21
    assert sums(shop.invoices(on_top)[0]) == (2000, [420], 2420, 2000)
    assert sums(shop.invoices(within)[0]) == (2000, [400], 2000, 1600)
    tax = shop.invoices(within)[0]["lines"]["data"][0]["taxes"][0]
    assert (tax["tax_behavior"], tax["taxable_amount"]) == ("inclusive", 1600)


def test_the_rates_of_an_item_come_before_those_of_its_subscription(shop, rate):
    low, high = rate(5)["id"], rate(20)["id"]
    items = [{"price": shop.price["id"], "tax_rates": [low]}]

    subscription = shop.subscribe(items=items, default_tax_rates=[high])
    assert sums(shop.invoices(subscription)[0])[2] == 2100

    item = subscription["items"]["data"][0]["id"]
    entry = {"id": item, "quantity": 2, "tax_rates": [high]}
    shop.change(subscription, items=[entry], proration_behavior="always_invoice")
    lines = shop.invoices(subscription)[0]["lines"]["data"]
    assert [line["taxes"][0]["amount"] for line in lines] == [-100, 800]


def test_a_tax_is_taken_after_the_discount(shop, rate):
    coupon = shop.call("POST", "/v1/coupons", {"percent_off": 50, "duration": "once"})

    subscription = shop.subscribe(
        default_tax_rates=[rate(10)["id"]], discounts=[{"coupon": coupon["id"]}]
    )

    assert sums(shop.invoices(subscription)[0]) == (2000, [100], 1100, 1000)


def test_an_exempt_customer_pays_no_tax(shop, rate):
    path = f"/v1/customers/{shop.customer['id']}"
    for status, reason in (("exempt", "customer_exempt"), ("reverse", "reverse_charge")):
        shop.call("POST", path, {"tax_exempt": status})
        invoice = shop.invoices(shop.subscribe(default_tax_rates=[rate(10)["id"]]))[0]
        assert sums(invoice) == (2000, [0], 2000, 2000)
        assert invoice["total_taxes"][0]["taxability_reason"] == reason


def test_a_renewal_is_taxed_by_the_rates_of_that_day(shop, rate):
    subscription = shop.subscribe(default_tax_rates=[rate(10)["id"]])
    shop.change(subscription, default_tax_rates="")
    shop.advance(31 * 86_400)
    assert sums(shop.invoices(subscription)[0])[2] == 2000


def test_an_invoice_and_its_items_have_rates(shop, rate):
    ten, twenty = rate(10)["id"], rate(20)["id"]
    given = {"customer": shop.customer["id"]}
    draft = shop.call("POST", "/v1/invoices", {**given, "default_tax_rates": [ten]})
    given["invoice"] = draft["id"]
    shop.call("POST", "/v1/invoiceitems", {**given, "amount": 1000, "currency": "usd"})
    own = {**given, "amount": 500, "currency": "usd", "tax_rates": [twenty]}
    assert shop.call("POST", "/v1/invoiceitems", own)["tax_rates"][0]["id"] == twenty

    paid = shop.call("POST", f"/v1/invoices/{draft['id']}/pay")

    assert sums(paid) == (1500, [100, 100], 1700, 1500)
    assert (paid["status"], paid["amount_paid"]) == ("paid", 1700)


def test_a_rate_that_does_not_exist_is_refused(shop):
    with pytest.raises(SandboxError, match="No such tax rate"):
        shop.subscribe(default_tax_rates=["txr_none"])


def test_a_checkout_of_a_subscription_is_taxed_as_its_invoices_are(shop, rate):
    low, high = rate(5)["id"], rate(20)["id"]
    own = [{"price": shop.price["id"], "quantity": 1, "tax_rates": [low]}]
    for values, total in (
        ({"subscription_data": {"default_tax_rates": [high]}}, 2400),
        ({"line_items": own}, 2100),
    ):
        session = shop.checkout(**values)
        assert (session["amount_subtotal"], session["amount_total"]) == (2000, total)
        assert session["total_details"]["amount_tax"] == total - 2000

        done = shop.engine.complete_checkout(session["id"])

        invoice = shop.call("GET", f"/v1/invoices/{done['invoice']}")
        assert (invoice["total"], invoice["status"]) == (total, "paid")


def test_a_checkout_of_a_single_payment_is_taxed_too(shop, rate):
    data = {"product": shop.product["id"], "currency": "usd", "unit_amount": 1000}
    line = {"price_data": data, "quantity": 1, "tax_rates": [rate(25, inclusive=True)["id"]]}

    session = shop.checkout(mode="payment", line_items=[line], invoice_creation={"enabled": True})
    done = shop.engine.complete_checkout(session["id"])

    assert (done["amount_total"], done["total_details"]["amount_tax"]) == (1000, 200)
    assert sums(shop.call("GET", f"/v1/invoices/{done['invoice']}")) == (1000, [200], 1000, 800)
    with pytest.raises(SandboxError, match="No such tax rate"):
        shop.checkout(mode="payment", line_items=[{**line, "tax_rates": ["txr_none"]}])
