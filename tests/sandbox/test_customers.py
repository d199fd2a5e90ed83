"""What a customer says of itself, and what its invoices take from that."""

import pytest

from django_stripe_billing.sandbox import SandboxError

VAT = [{"name": "VAT", "value": "DE123"}]


@pytest.fixture
def change(shop):
    def change(**values):
        return shop.call("POST", f"/v1/customers/{shop.customer['id']}", values)

    return change


def test_a_customer_keeps_its_locales_tax_status_and_numbering(shop):
    customer = shop.call(
        "POST",
        "/v1/customers",
        {
            "preferred_locales": ["de", "en"],
            "tax_exempt": "reverse",
            "invoice_prefix": "ACME1",
            "next_invoice_sequence": 7,
        },
    )
    assert customer["preferred_locales"] == ["de", "en"]
    assert customer["tax_exempt"] == "reverse"

    invoice = shop.call("POST", "/v1/invoices", {"customer": customer["id"]})
    invoice = shop.call("POST", f"/v1/invoices/{invoice['id']}/finalize")
    assert invoice["number"] == "ACME1-0007"

    customer = shop.call("POST", f"/v1/customers/{customer['id']}", {"tax_exempt": ""})
    assert customer["tax_exempt"] == "none"


def test_invoices_carry_the_customers_footer_and_fields(shop, change):
    customer = change(invoice_settings={"footer": "Thank you", "custom_fields": VAT})
    assert customer["invoice_settings"]["default_payment_method"] is not None

    invoice = shop.invoices(shop.subscribe())[0]

    assert (invoice["footer"], invoice["custom_fields"]) == ("Thank you", VAT)
    cleared = change(invoice_settings={"footer": "", "custom_fields": ""})
    assert cleared["invoice_settings"]["footer"] is None
    assert cleared["invoice_settings"]["custom_fields"] is None


def test_the_default_payment_method_can_be_unset(change):
    customer = change(invoice_settings={"default_payment_method": ""})

    assert customer["invoice_settings"]["default_payment_method"] is None


def test_an_address_that_is_no_email_is_refused(shop, change):
    for refused in (
        lambda: shop.call("POST", "/v1/customers", {"email": "ada"}),
        lambda: change(email="ada@@example.com"),
    ):
        with pytest.raises(SandboxError, match="Invalid email address") as error:
            refused()
        assert (error.value.code, error.value.param) == ("email_invalid", "email")
    assert change(email=" ada@example.com ")["email"] == " ada@example.com "
    assert change(email="")["email"] is None


def is_delinquent(shop):
    return shop.call("GET", f"/v1/customers/{shop.customer['id']}")["delinquent"]


def test_a_customer_is_delinquent_from_a_failed_renewal_until_it_is_paid(shop):
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    assert not is_delinquent(shop)

    shop.advance(31 * 86_400)

    assert is_delinquent(shop)
    told = [event for event in shop.engine.events if event["type"] == "customer.updated"][-1]
    assert told["data"]["previous_attributes"] == {"delinquent": False}
    invoice = shop.read(subscription)["latest_invoice"]
    shop.call("POST", f"/v1/invoices/{invoice}/pay", {"payment_method": "pm_card_visa"})
    assert not is_delinquent(shop)


def test_a_customer_is_delinquent_from_an_invoice_that_is_overdue_until_it_is_forgiven(shop):
    subscription = shop.subscribe(collection_method="send_invoice", days_until_due=1)

    shop.advance(2 * 86_400)

    assert is_delinquent(shop)
    invoice = shop.read(subscription)["latest_invoice"]
    shop.call("POST", f"/v1/invoices/{invoice}/mark_uncollectible")
    assert not is_delinquent(shop)
