"""Payment methods: whose they are, and how often they can be used."""

import pytest

from django_stripe_billing.sandbox import SandboxError

USED = "previously used without being attached"


def card_of(shop, **card):
    given = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
    return shop.call("POST", "/v1/payment_methods", {"type": "card", "card": given | card})


@pytest.fixture
def attach(shop):
    def attach(method):
        path = f"/v1/payment_methods/{method['id']}/attach"
        return shop.call("POST", path, {"customer": shop.customer["id"]})

    return attach


@pytest.fixture
def pay(shop):
    def pay(method, **values):
        given = {"amount": 500, "currency": "usd", "payment_method": method["id"], "confirm": True}
        return shop.call("POST", "/v1/payment_intents", given | values)

    return pay


def test_a_detached_payment_method_is_of_no_use_any_more(shop, attach, pay):
    method = attach(card_of(shop))
    shop.call("POST", f"/v1/payment_methods/{method['id']}/detach")

    for use in (attach, pay):
        with pytest.raises(SandboxError, match=USED):
            use(method)
    with pytest.raises(SandboxError, match="detachment is impossible"):
        shop.call("POST", f"/v1/payment_methods/{method['id']}/detach")


def test_a_payment_method_that_paid_as_nobodys_pays_once(shop, attach, pay):
    method = card_of(shop)
    pay(method)

    for use in (attach, pay):
        with pytest.raises(SandboxError, match=USED):
            use(method)


def test_a_payment_method_that_is_kept_pays_again(shop, pay):
    method = card_of(shop)
    mine = {"customer": shop.customer["id"]}

    assert pay(method, **mine, setup_future_usage="off_session")["status"] == "succeeded"
    assert pay(method, **mine)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("card", "code", "param"),
    [
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": 2020}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": 20}, "invalid_expiry_year", "exp_year"),
    ],
)
def test_a_card_that_has_expired_is_refused(shop, card, code, param):
    with pytest.raises(SandboxError) as refused:
        card_of(shop, **card)

    error = refused.value
    assert (error.status, error.type, error.code, error.param) == (402, "card_error", code, param)


def test_a_customers_payment_method_is_found_by_its_owner(shop, attach):
    method = attach(card_of(shop))
    other = shop.call("POST", "/v1/customers")

    path = "/v1/customers/{}/payment_methods/{}"
    assert shop.call("GET", path.format(shop.customer["id"], method["id"])) == method
    with pytest.raises(SandboxError) as refused:
        shop.call("GET", path.format(other["id"], method["id"]))
    assert refused.value.status == 404


def test_automatic_payment_methods_may_redirect_unless_that_is_ruled_out(shop):
    given = {"amount": 500, "currency": "usd"}
    automatic = {"enabled": True, "allow_redirects": "never"}

    intent = shop.call("POST", "/v1/payment_intents", given)
    strict = shop.call(
        "POST", "/v1/payment_intents", {**given, "automatic_payment_methods": automatic}
    )

    assert intent["automatic_payment_methods"] == {"enabled": True, "allow_redirects": "always"}
    assert strict["automatic_payment_methods"] == automatic


@pytest.mark.parametrize(("card", "country"), [("de", "DE"), ("gb", "GB"), ("visa", "US")])
def test_a_test_card_is_of_its_country(pay, card, country, shop):
    intent = pay({"id": f"pm_card_{card}"})

    charge = shop.call("GET", f"/v1/charges/{intent['latest_charge']}")
    assert charge["payment_method_details"]["card"]["country"] == country
