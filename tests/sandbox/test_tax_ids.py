"""A customer's tax ids."""

import pytest

from django_stripe_billing.sandbox import SandboxError


@pytest.fixture
def tax_ids(shop):
    def tax_ids(method="GET", rest="", **params):
        return shop.call(method, f"/v1/customers/{shop.customer['id']}/tax_ids{rest}", params)

    return tax_ids


def test_a_customer_has_tax_ids_until_they_are_deleted(shop, tax_ids):
    made = tax_ids("POST", type="eu_vat", value="BE0123456789")
    assert (made["type"], made["value"], made["country"]) == ("eu_vat", "BE0123456789", "BE")
    assert (made["customer"], made["owner"]["type"]) == (shop.customer["id"], "customer")
    assert tax_ids()["data"] == [made]
    assert tax_ids(rest=f"/{made['id']}") == made
    path = f"/v1/customers/{shop.customer['id']}"
    assert shop.call("GET", path, {"expand": ["tax_ids"]})["tax_ids"]["data"] == [made]

    assert tax_ids("DELETE", rest=f"/{made['id']}")["deleted"] is True

    assert tax_ids()["data"] == []
    assert shop.types()[-2:] == ["customer.tax_id.created", "customer.tax_id.deleted"]


@pytest.mark.parametrize(
    ("kind", "value", "country", "status"),
    [
        ("eu_vat", "DE000000000", "DE", "verified"),
        ("eu_vat", "EL111111111", "GR", "unverified"),
        ("gb_vat", "GB222222222", "GB", "pending"),
        ("us_ein", "12-3456789", "US", "unavailable"),
    ],
)
def test_test_values_decide_how_a_tax_id_is_verified(tax_ids, kind, value, country, status):
    made = tax_ids("POST", type=kind, value=value)

    assert (made["country"], made["verification"]["status"]) == (country, status)


def test_a_tax_id_that_is_none_or_one_too_many_is_refused(shop, tax_ids):
    with pytest.raises(SandboxError) as refused:
        tax_ids("POST", type="eu_vat", value="?")
    assert refused.value.code == "tax_id_invalid"
    for number in range(5):
        tax_ids("POST", type="eu_vat", value=f"DE12345678{number}")
    with pytest.raises(SandboxError, match="at most 5"):
        tax_ids("POST", type="eu_vat", value="DE123456789")


def test_nobody_sees_anothers_tax_id(shop, tax_ids):
    made = tax_ids("POST", type="eu_vat", value="DE123456789")
    other = shop.call("POST", "/v1/customers")

    with pytest.raises(SandboxError) as refused:
        shop.call("GET", f"/v1/customers/{other['id']}/tax_ids/{made['id']}")

    assert refused.value.status == 404


def test_invoices_carry_the_tax_ids_with_which_a_customer_was_made(shop):
    given = {"type": "eu_vat", "value": "DE123456789"}
    customer = shop.call("POST", "/v1/customers", {"tax_id_data": [given]})

    invoice = shop.call("POST", "/v1/invoices", {"customer": customer["id"]})

    assert invoice["customer_tax_ids"] == [given]
