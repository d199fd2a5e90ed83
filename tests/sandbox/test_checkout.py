"""Checkout Sessions in their three modes."""

import pytest

from django_stripe_billing.sandbox import SandboxError

DAY = 86_400
BACK = {"success_url": "https://example.com/ok"}


def open_session(shop, **values):
    return shop.call("POST", "/v1/checkout/sessions", {**BACK, **values})


@pytest.fixture
def book(shop):
    """A one-off price of 15 dollars."""
    return one_off(shop, 1500)


def one_off(shop, amount, currency="usd"):
    return shop.call(
        "POST",
        "/v1/prices",
        {"product": shop.product["id"], "currency": currency, "unit_amount": amount},
    )


def buy(shop, price, quantity=1, **values):
    lines = [{"price": price["id"], "quantity": quantity}]
    return open_session(shop, mode="payment", line_items=lines, **values)


def read(shop, session):
    return shop.call("GET", f"/v1/checkout/sessions/{session['id']}")


def test_a_paid_session_has_an_intent_with_its_data_and_a_charge(shop, book):
    data = {"metadata": {"order": "7"}, "description": "A book"}
    session = buy(shop, book, 2, customer=shop.customer["id"], payment_intent_data=data)
    assert (session["amount_total"], session["payment_intent"]) == (3000, None)
    done = shop.engine.complete_checkout(session["id"])
    assert (done["status"], done["payment_status"], done["url"]) == ("complete", "paid", None)
    intent = shop.call("GET", f"/v1/payment_intents/{done['payment_intent']}")
    assert (intent["amount"], intent["customer"]) == (3000, shop.customer["id"])
    assert (intent["metadata"], intent["description"]) == ({"order": "7"}, "A book")
    assert shop.types()[-4:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_a_declined_card_leaves_the_session_open_with_the_same_intent(shop, book):
    session = buy(shop, book)
    with pytest.raises(SandboxError) as refusal:
        shop.engine.complete_checkout(
            session["id"], payment_method="pm_card_chargeDeclinedInsufficientFunds"
        )
    assert refusal.value.decline_code == "insufficient_funds"
    declined = read(shop, session)
    assert declined["status"] == "open"
    done = shop.engine.complete_checkout(session["id"])
    assert done["payment_intent"] == declined["payment_intent"]
    assert (
        len(shop.call("GET", "/v1/charges", {"payment_intent": done["payment_intent"]})["data"])
        == 2
    )


@pytest.mark.parametrize("mode", ["payment", "subscription", "setup"])
def test_three_d_secure_stands_between_the_card_and_the_end(shop, book, mode):
    session = {
        "payment": lambda: buy(shop, book),
        "subscription": shop.checkout,
        "setup": lambda: open_session(
            shop, mode="setup", currency="usd", customer=shop.customer["id"]
        ),
    }[mode]()
    card = "pm_card_authenticationRequired"
    with pytest.raises(SandboxError) as refusal:
        shop.engine.complete_checkout(session["id"], payment_method=card)
    assert refusal.value.code == "authentication_required"
    assert read(shop, session)["status"] == "open"
    done = shop.engine.complete_checkout(session["id"], payment_method=card, is_authenticated=True)
    assert done["status"] == "complete"


def test_authenticating_the_intent_of_a_session_completes_it(shop, book):
    session = buy(shop, book)
    with pytest.raises(SandboxError):
        shop.engine.complete_checkout(session["id"], payment_method="pm_card_threeDSecure2Required")
    shop.engine.authenticate(read(shop, session)["payment_intent"])
    assert (read(shop, session)["status"], read(shop, session)["payment_status"]) == (
        "complete",
        "paid",
    )


@pytest.mark.parametrize(
    ("iban", "event", "payment_status"),
    [
        ("AT611904300234573201", "checkout.session.async_payment_succeeded", "paid"),
        ("IT60X0542811101000000123456", "checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_a_delayed_debit_completes_unpaid_and_is_decided_later(shop, iban, event, payment_status):
    session = buy(shop, one_off(shop, 1500, "eur"))
    assert session["payment_method_types"] == ["card", "sepa_debit"]
    method = shop.call(
        "POST", "/v1/payment_methods", {"type": "sepa_debit", "sepa_debit": {"iban": iban}}
    )
    done = shop.engine.complete_checkout(session["id"], payment_method=method["id"])
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
    assert shop.types()[-1] == "checkout.session.completed"
    shop.advance(5)
    assert shop.types()[-1] == event
    assert read(shop, session)["payment_status"] == payment_status


def test_who_buys_once_becomes_a_customer_only_where_it_is_asked_for(shop, book):
    guest = shop.engine.complete_checkout(buy(shop, book)["id"], email="guest@example.com")
    assert guest["customer"] is None
    assert guest["customer_details"]["email"] == "guest@example.com"
    wanted = buy(shop, book, customer_creation="always")
    kept = shop.engine.complete_checkout(wanted["id"], email="kept@example.com")
    assert shop.call("GET", f"/v1/customers/{kept['customer']}")["email"] == "kept@example.com"
    intent = shop.call("GET", f"/v1/payment_intents/{kept['payment_intent']}")
    assert intent["customer"] == kept["customer"]


def test_a_coupon_takes_off_what_is_due_and_a_whole_one_needs_no_payment(shop, book):
    half = shop.call("POST", "/v1/coupons", {"percent_off": 50})
    session = buy(shop, book, 3, discounts=[{"coupon": half["id"]}])
    assert (session["amount_subtotal"], session["amount_total"]) == (4500, 2250)
    assert session["total_details"]["amount_discount"] == 2250
    assert session["discounts"] == [{"coupon": half["id"], "promotion_code": None}]
    shop.engine.complete_checkout(session["id"])
    assert shop.call("GET", f"/v1/coupons/{half['id']}")["times_redeemed"] == 1
    whole = shop.call("POST", "/v1/coupons", {"percent_off": 100})
    free = buy(shop, book, discounts=[{"coupon": whole["id"]}])
    done = shop.engine.complete_checkout(free["id"], payment_method="")
    assert (done["payment_status"], done["payment_intent"]) == ("no_payment_required", None)


def test_a_subscription_takes_the_discount_of_its_session(shop):
    half = shop.call("POST", "/v1/coupons", {"percent_off": 50, "duration": "forever"})
    code = shop.call(
        "POST",
        "/v1/promotion_codes",
        {"promotion": {"type": "coupon", "coupon": half["id"]}, "code": "HALF"},
    )
    session = shop.checkout(discounts=[{"promotion_code": code["id"]}])
    assert session["amount_total"] == 1000
    done = shop.engine.complete_checkout(session["id"])
    invoice = shop.call("GET", f"/v1/invoices/{done['invoice']}")
    assert (invoice["subtotal"], invoice["amount_paid"]) == (2000, 1000)
    assert shop.call("GET", f"/v1/promotion_codes/{code['id']}")["times_redeemed"] == 1


def test_a_trial_without_a_card_where_the_session_says_so(shop):
    session = shop.checkout(
        payment_method_collection="if_required",
        subscription_data={
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
            "metadata": {"seat": "1"},
        },
    )
    done = shop.engine.complete_checkout(session["id"], payment_method="")
    assert done["payment_status"] == "no_payment_required"
    subscription = shop.read({"id": done["subscription"]})
    assert (subscription["status"], subscription["metadata"]) == ("trialing", {"seat": "1"})
    with pytest.raises(SandboxError, match="payment method"):
        shop.engine.complete_checkout(shop.checkout()["id"], payment_method="")


def test_setup_mode_saves_the_card_and_charges_nothing(shop):
    session = open_session(shop, mode="setup", currency="usd", customer=shop.customer["id"])
    assert (session["amount_total"], session["mode"]) == (None, "setup")
    with pytest.raises(SandboxError):
        shop.engine.complete_checkout(session["id"], payment_method="pm_card_chargeDeclined")
    done = shop.engine.complete_checkout(session["id"], payment_method="pm_card_mastercard")
    assert (done["status"], done["payment_status"]) == ("complete", "no_payment_required")
    intent = shop.call("GET", f"/v1/setup_intents/{done['setup_intent']}")
    method = shop.call("GET", f"/v1/payment_methods/{intent['payment_method']}")
    assert (intent["status"], method["customer"]) == ("succeeded", shop.customer["id"])
    assert shop.call("GET", "/v1/payment_intents")["data"] == []


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"mode": "setup", "line_items": ""}, "currency"),
        ({"mode": "setup", "currency": "usd"}, "line_items"),
        ({"allow_promotion_codes": True, "discounts": [{"coupon": "x"}]}, "only specify one"),
        ({"discounts": [{"coupon": "x"}]}, "No such coupon"),
        ({"customer_update": {"address": "auto"}}, "only be used with"),
        ({"subscription_data": {"description": "x"}}, "subscription_data"),
        ({"payment_method_collection": "always"}, "payment_method_collection"),
        ({"optional_items": [{"price": "price_0", "quantity": 1}]}, "No such price"),
        ({"expires_at": 1}, "expires_at"),
    ],
)
def test_a_session_that_stripe_would_refuse_is_refused(shop, book, values, complaint):
    params = {"mode": "payment", "line_items": [{"price": book["id"], "quantity": 1}], **values}
    if not params["line_items"]:
        del params["line_items"]
    with pytest.raises(SandboxError, match=complaint) as refusal:
        open_session(shop, **params)
    assert refusal.value.status == 400
    assert shop.call("GET", "/v1/checkout/sessions")["data"] == []


def test_automatic_tax_wants_an_address_or_leave_to_store_one(shop, book):
    taxed = {"automatic_tax": {"enabled": True}, "customer": shop.customer["id"]}
    with pytest.raises(SandboxError) as refusal:
        buy(shop, book, **taxed)
    assert refusal.value.code == "customer_tax_location_invalid"
    session = buy(shop, book, **taxed, customer_update={"address": "auto"})
    assert session["automatic_tax"]["status"] == "requires_location_inputs"
    done = shop.engine.complete_checkout(session["id"])
    assert done["automatic_tax"]["status"] == "complete"


def test_lines_by_price_data_make_a_price(shop):
    data = {"currency": "usd", "product_data": {"name": "Donation"}, "unit_amount": 700}
    session = open_session(shop, mode="payment", line_items=[{"price_data": data, "quantity": 2}])
    assert session["amount_total"] == 1400


def test_an_expired_session_cancels_its_intent(shop, book):
    session = buy(shop, book)
    with pytest.raises(SandboxError):
        shop.engine.complete_checkout(session["id"], payment_method="pm_card_chargeCustomerFail")
    shop.advance(DAY)
    expired = read(shop, session)
    assert expired["status"] == "expired"
    intent = shop.call("GET", f"/v1/payment_intents/{expired['payment_intent']}")
    assert intent["status"] == "canceled"


def invoice_of(shop, done):
    return shop.call("GET", f"/v1/invoices/{done['invoice']}", {"expand": ["payments"]})


def test_a_one_off_checkout_makes_a_paid_invoice_where_it_is_asked_for(shop, book):
    half = shop.call("POST", "/v1/coupons", {"percent_off": 50, "duration": "once"})
    shop.call("POST", f"/v1/customers/{shop.customer['id']}", {"balance": -300})
    data = {"description": "Thanks", "metadata": {"order": "7"}}
    session = buy(
        shop,
        book,
        2,
        customer=shop.customer["id"],
        discounts=[{"coupon": half["id"]}],
        invoice_creation={"enabled": True, "invoice_data": data},
    )
    assert session["invoice_creation"]["invoice_data"]["metadata"] == {"order": "7"}
    done = shop.engine.complete_checkout(session["id"])
    invoice = invoice_of(shop, done)
    assert (invoice["status"], invoice["billing_reason"]) == ("paid", "manual")
    assert (invoice["subtotal"], invoice["total"], invoice["amount_paid"]) == (3000, 1500, 1500)
    assert (invoice["description"], invoice["metadata"]) == ("Thanks", {"order": "7"})
    (payment,) = invoice["payments"]["data"]
    assert payment["payment"]["payment_intent"] == done["payment_intent"]
    assert invoice["hosted_invoice_url"]
    assert shop.types().count("payment_intent.created") == 1
    told = shop.types()
    assert told.index("payment_intent.succeeded") < told.index("invoice.paid")
    assert told.index("invoice.paid") < told.index("checkout.session.completed")
    customer = shop.call("GET", f"/v1/customers/{shop.customer['id']}")
    assert customer["balance"] == -300, "a checkout is paid whatever the balance"


def test_a_buyer_who_gets_an_invoice_becomes_a_customer_also_after_3d_secure(shop, book):
    session = buy(shop, book, invoice_creation={"enabled": True})
    with pytest.raises(SandboxError):
        shop.engine.complete_checkout(session["id"], payment_method="pm_card_threeDSecure2Required")
    shop.engine.authenticate(read(shop, session)["payment_intent"])
    done = read(shop, session)
    assert done["status"] == "complete"
    assert invoice_of(shop, done)["customer"] == done["customer"]


def test_a_delayed_debit_makes_the_invoice_when_it_has_arrived(shop):
    price = one_off(shop, 1500, "eur")
    session = buy(shop, price, invoice_creation={"enabled": True})
    debit = shop.call(
        "POST",
        "/v1/payment_methods",
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "AT321904300235473204"},
            "billing_details": {"name": "Ada", "email": "ada@example.com"},
        },
    )
    done = shop.engine.complete_checkout(session["id"], payment_method=debit["id"])
    assert (done["payment_status"], done["invoice"]) == ("unpaid", None)
    shop.advance(200)
    assert invoice_of(shop, read(shop, session))["amount_paid"] == 1500


def test_a_checkout_without_invoice_creation_makes_none(shop, book):
    done = shop.engine.complete_checkout(buy(shop, book, customer=shop.customer["id"])["id"])
    assert done["invoice"] is None
    assert shop.call("GET", "/v1/invoices")["data"] == []
    with pytest.raises(SandboxError) as refusal:
        shop.checkout(invoice_creation={"enabled": True})
    assert refusal.value.param == "invoice_creation"


def test_a_session_says_what_its_page_is_to_ask(shop, book):
    name = {"key": "name", "label": {"type": "custom", "custom": "Name"}, "type": "text"}
    size = {
        "key": "size",
        "label": {"type": "custom", "custom": "Size"},
        "type": "dropdown",
        "dropdown": {"options": [{"label": "Small", "value": "s"}]},
        "optional": True,
    }

    session = buy(
        shop,
        book,
        custom_fields=[{**name, "text": {"maximum_length": 9}}, size],
        custom_text={"submit": {"message": "Thanks"}},
        phone_number_collection={"enabled": True},
        consent_collection={"terms_of_service": "required"},
        after_expiration={"recovery": {"enabled": True}},
    )

    first, second = session["custom_fields"]
    assert first["text"] == {
        "default_value": None,
        "maximum_length": 9,
        "minimum_length": None,
        "value": None,
    }
    assert (second["dropdown"]["options"][0]["value"], second["optional"]) == ("s", True)
    assert session["custom_text"]["submit"] == {"message": "Thanks"}
    assert session["phone_number_collection"] == {"enabled": True}
    assert session["consent_collection"]["terms_of_service"] == "required"
    assert session["after_expiration"]["recovery"]["enabled"] is True
    with pytest.raises(SandboxError, match="at most 3"):
        buy(shop, book, custom_fields=[name] * 4)
    with pytest.raises(SandboxError, match="options"):
        buy(shop, book, custom_fields=[{**name, "type": "dropdown"}])
