"""Cards of the old API, bank transfers, and what the portal may do."""

import pytest

from django_stripe_billing.sandbox import SandboxError


def test_a_card_from_a_token_is_the_customers_default_and_is_charged(shop):
    customer = shop.call("POST", "/v1/customers", {"source": "tok_visa"})
    assert customer["default_source"].startswith("card_")
    path = f"/v1/customers/{customer['id']}/sources"
    second = shop.call("POST", path, {"source": "tok_mastercard"})
    assert (second["object"], second["brand"]) == ("card", "Mastercard")
    found = shop.call("GET", path)["data"]
    assert [row["id"] for row in found] == [second["id"], customer["default_source"]]
    renamed = shop.call("POST", f"{path}/{second['id']}", {"name": "Ada"})
    assert renamed["name"] == "Ada"
    assert shop.types()[-1] == "customer.source.updated"
    assert shop.subscribe(customer=customer["id"])["status"] == "active"
    default = customer["default_source"]
    assert shop.call("DELETE", f"{path}/{default}")["deleted"] is True
    with pytest.raises(SandboxError) as refusal:
        shop.call("GET", f"{path}/{default}")
    assert refusal.value.status == 404


@pytest.mark.parametrize("token", ["tok_none", "pm_card_visa", "tok_chargeDeclined"])
def test_a_customer_whose_card_is_refused_is_not_made(shop, token):
    before = shop.call("GET", "/v1/customers")["data"]
    with pytest.raises(SandboxError):
        shop.call("POST", "/v1/customers", {"source": token})
    assert shop.call("GET", "/v1/customers")["data"] == before


def test_a_bank_transfer_pays_in_parts_what_waits_for_it(shop):
    customer = shop.call("POST", "/v1/customers", {})
    intent = shop.call(
        "POST",
        "/v1/payment_intents",
        {
            "amount": 20_000,
            "currency": "jpy",
            "customer": customer["id"],
            "payment_method_data": {"type": "customer_balance"},
            "confirm": True,
        },
    )
    assert intent["next_action"]["type"] == "display_bank_transfer_instructions"
    with pytest.raises(SandboxError, match="does not wait"):
        shop.engine.authenticate(intent["id"])
    fund = f"/v1/test_helpers/customers/{customer['id']}/fund_cash_balance"
    shop.call("POST", fund, {"amount": 12_000, "currency": "jpy"})
    assert shop.types()[-1] == "payment_intent.partially_funded"
    shop.call("POST", fund, {"amount": 10_000, "currency": "jpy"})
    paid = shop.call("GET", f"/v1/payment_intents/{intent['id']}")
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 20_000)
    left = shop.call("GET", f"/v1/customers/{customer['id']}/cash_balance")
    assert left["available"] == {"jpy": 2000}
    assert shop.types()[-1] == "cash_balance.funds_available"


def test_portal_configurations_are_kept_and_changed(shop):
    path = "/v1/billing_portal/configurations"
    made = shop.call("POST", path, {"features": {"invoice_history": {"enabled": True}}})
    assert made["features"]["invoice_history"] == {"enabled": True}
    assert made["is_default"] is True
    features = {"subscription_cancel": {"enabled": True, "mode": "immediately"}}
    changed = shop.call("POST", f"{path}/{made['id']}", {"features": features})
    cancel = changed["features"]["subscription_cancel"]
    assert (cancel["mode"], cancel["proration_behavior"]) == ("immediately", "none")
    assert changed["features"]["invoice_history"] == {"enabled": True}
    assert shop.types()[-1] == "billing_portal.configuration.updated"
    assert len(shop.call("GET", path)["data"]) == 1
