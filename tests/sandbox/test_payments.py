"""Payment intents, charges and setup intents, with Stripe's test cards."""

import pytest
import stripe

from django_stripe_billing.sandbox import SandboxError
from django_stripe_billing.stripe_api import CallableHTTPClient


def pay(engine, card="pm_card_visa", **values):
    params = {"amount": 2000, "currency": "usd", "payment_method": card, "confirm": True}
    return engine.call("POST", "/v1/payment_intents", params | values)


def types(engine):
    return [event["type"] for event in engine.events]


def test_a_confirmed_intent_succeeds_and_leaves_a_captured_charge(engine):
    intent = pay(engine, metadata={"order": "1"})
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 2000)
    charge = engine.call("GET", f"/v1/charges/{intent['latest_charge']}")
    assert (charge["paid"], charge["captured"], charge["payment_intent"]) == (
        True,
        True,
        intent["id"],
    )
    assert charge["metadata"] == {"order": "1"}
    assert types(engine) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    moved = engine.call("GET", f"/v1/balance_transactions/{charge['balance_transaction']}")
    assert (moved["amount"], moved["fee"], moved["net"]) == (2000, 88, 1912)


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("chargeDeclined", "card_declined", "generic_decline"),
        ("visa_chargeDeclined", "card_declined", "generic_decline"),
        ("chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def test_a_declined_card_is_402_and_leaves_the_intent_open_for_another_card(
    engine, card, code, decline_code
):
    with pytest.raises(SandboxError) as refusal:
        pay(engine, f"pm_card_{card}")
    error = refusal.value
    assert (error.status, error.type, error.code, error.decline_code) == (
        402,
        "card_error",
        code,
        decline_code,
    )
    intent = engine.call("GET", f"/v1/payment_intents/{error.details['payment_intent']['id']}")
    assert (intent["status"], intent["payment_method"]) == ("requires_payment_method", None)
    assert intent["last_payment_error"]["decline_code"] == decline_code
    charge = engine.call("GET", f"/v1/charges/{error.details['charge']}")
    assert (charge["status"], charge["failure_code"]) == ("failed", code)
    assert types(engine)[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    again = engine.call(
        "POST",
        f"/v1/payment_intents/{intent['id']}/confirm",
        {"payment_method": "pm_card_mastercard"},
    )
    assert (again["status"], again["last_payment_error"]) == ("succeeded", None)


@pytest.mark.parametrize("card", ["threeDSecure2Required", "authenticationRequired"])
def test_three_d_secure_waits_for_the_customer(engine, card):
    intent = pay(engine, f"pm_card_{card}", return_url="https://example.com/back")
    assert intent["status"] == "requires_action"
    assert intent["next_action"]["redirect_to_url"]["return_url"] == "https://example.com/back"
    assert intent["latest_charge"] is None
    assert types(engine)[-1] == "payment_intent.requires_action"
    done = engine.authenticate(intent["id"])
    assert (done["status"], done["next_action"]) == ("succeeded", None)
    charge = engine.call("GET", f"/v1/charges/{done['latest_charge']}")
    assert charge["payment_method_details"]["card"]["three_d_secure"]["result"] == "authenticated"
    with pytest.raises(SandboxError, match="does not wait"):
        engine.authenticate(intent["id"])


def test_failed_authentication_and_a_decline_after_it_leave_the_intent_unpaid(engine):
    intent = pay(engine, "pm_card_threeDSecure2Required")
    failed = engine.authenticate(intent["id"], succeeds=False)
    assert failed["status"] == "requires_payment_method"
    assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    declined = pay(engine, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    declined = engine.authenticate(declined["id"])
    assert declined["last_payment_error"]["decline_code"] == "insufficient_funds"


def test_off_session_a_card_that_asks_for_authentication_is_declined_unless_it_was_set_up(engine):
    customer = engine.call("POST", "/v1/customers", {})
    with pytest.raises(SandboxError) as refusal:
        pay(engine, "pm_card_authenticationRequired", customer=customer["id"], off_session=True)
    assert refusal.value.code == "authentication_required"
    setup = engine.call(
        "POST",
        "/v1/setup_intents",
        {
            "customer": customer["id"],
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
        },
    )
    assert setup["status"] == "requires_action"
    assert engine.authenticate(setup["id"])["status"] == "succeeded"
    paid = pay(engine, setup["payment_method"], customer=customer["id"], off_session=True)
    assert paid["status"] == "succeeded"


def test_money_that_is_only_authorised_is_captured_in_part_or_let_go(engine):
    intent = pay(engine, capture_method="manual")
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", 2000)
    assert types(engine)[-1] == "payment_intent.amount_capturable_updated"
    path = f"/v1/payment_intents/{intent['id']}"
    with pytest.raises(SandboxError, match="more than"):
        engine.call("POST", f"{path}/capture", {"amount_to_capture": 2001})
    done = engine.call("POST", f"{path}/capture", {"amount_to_capture": 500})
    assert (done["status"], done["amount_received"]) == ("succeeded", 500)
    assert types(engine)[-2:] == ["charge.captured", "payment_intent.succeeded"]
    with pytest.raises(SandboxError, match="status of succeeded"):
        engine.call("POST", f"{path}/cancel")
    other = pay(engine, capture_method="manual")
    gone = engine.call("POST", f"/v1/payment_intents/{other['id']}/cancel")
    assert gone["status"] == "canceled"
    assert types(engine)[-2:] == ["charge.refunded", "payment_intent.canceled"]


def test_a_sepa_debit_is_decided_later(engine):
    for iban, status, told in (
        ("AT611904300234573201", "succeeded", "payment_intent.succeeded"),
        ("IT60X0542811101000000123456", "requires_payment_method", "payment_intent.payment_failed"),
    ):
        method = engine.call(
            "POST", "/v1/payment_methods", {"type": "sepa_debit", "sepa_debit": {"iban": iban}}
        )
        intent = pay(engine, method["id"], currency="eur")
        assert intent["status"] == "processing"
        assert types(engine)[-2:] == ["charge.pending", "payment_intent.processing"]
        engine.clock.advance(5)
        engine.tick()
        read = engine.call("GET", f"/v1/payment_intents/{intent['id']}")
        assert read["status"] == status
        assert types(engine)[-1] == told
    slow = engine.call(
        "POST",
        "/v1/payment_methods",
        {"type": "sepa_debit", "sepa_debit": {"iban": "AT321904300235473204"}},
    )
    intent = pay(engine, slow["id"], currency="eur")
    engine.settle(intent["id"], succeeds=False)
    engine.clock.advance(1000)
    engine.tick()
    read = engine.call("GET", f"/v1/payment_intents/{intent['id']}")
    assert read["status"] == "requires_payment_method"
    with pytest.raises(SandboxError, match="IBAN"):
        engine.call(
            "POST", "/v1/payment_methods", {"type": "sepa_debit", "sepa_debit": {"iban": "x"}}
        )


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 0, "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "usd"}, "amount_too_large", "amount"),
        ({"currency": "usd"}, "parameter_missing", "amount"),
        (
            {"amount": 100, "currency": "usd", "customer": "cus_0"},
            "resource_missing",
            "customer",
        ),
        (
            {"amount": 100, "currency": "usd", "confirm": True},
            "payment_intent_unexpected_state",
            "",
        ),
        ({"amount": 100, "currency": "usd", "off_session": True}, "", "off_session"),
        (
            {"amount": 100, "currency": "usd", "payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
    ],
)
def test_a_payment_intent_that_stripe_would_refuse_is_refused(engine, params, code, param):
    with pytest.raises(SandboxError) as refusal:
        engine.call("POST", "/v1/payment_intents", params)
    assert (refusal.value.status, refusal.value.code, refusal.value.param) == (400, code, param)


def test_somebody_elses_card_is_not_charged(engine):
    owner = engine.call("POST", "/v1/customers", {})
    method = engine.call(
        "POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": owner["id"]}
    )
    with pytest.raises(SandboxError, match="belongs to another"):
        pay(engine, method["id"])


def test_an_intent_is_updated_confirmed_listed_and_canceled(engine):
    customer = engine.call("POST", "/v1/customers", {})
    params = {"amount": 100, "currency": "usd", "customer": customer["id"]}
    intent = engine.call("POST", "/v1/payment_intents", params)
    path = f"/v1/payment_intents/{intent['id']}"
    changed = engine.call("POST", path, {"amount": 300, "payment_method": "pm_card_visa"})
    assert (changed["amount"], changed["status"]) == (300, "requires_confirmation")
    assert engine.call("POST", f"{path}/confirm")["status"] == "succeeded"
    with pytest.raises(SandboxError, match="status of succeeded"):
        engine.call("POST", path, {"amount": 400})
    other = engine.call("POST", "/v1/payment_intents", {"amount": 100, "currency": "usd"})
    reason = {"cancellation_reason": "abandoned"}
    gone = engine.call("POST", f"/v1/payment_intents/{other['id']}/cancel", reason)
    assert (gone["status"], gone["cancellation_reason"]) == ("canceled", "abandoned")
    found = engine.call("GET", "/v1/payment_intents", {"customer": customer["id"]})["data"]
    assert [row["id"] for row in found] == [intent["id"]]
    charges = engine.call("GET", "/v1/charges", {"payment_intent": intent["id"]})["data"]
    assert [row["amount"] for row in charges] == [300]


def test_a_card_is_saved_while_it_is_paid_with(engine):
    customer = engine.call("POST", "/v1/customers", {})
    paid = pay(engine, customer=customer["id"], setup_future_usage="off_session")
    methods = engine.call("GET", f"/v1/customers/{customer['id']}/payment_methods")["data"]
    assert [row["id"] for row in methods] == [paid["payment_method"]]


def test_a_fingerprint_belongs_to_the_number(engine):
    def fingerprint(card):
        return engine.call("POST", "/v1/payment_methods", {"type": "card", "card": card})["card"][
            "fingerprint"
        ]

    visa = fingerprint({"token": "tok_visa"})
    assert fingerprint({"number": "4242 4242 4242 4242", "exp_month": 1, "exp_year": 2030}) == visa
    assert fingerprint({"token": "tok_mastercard"}) != visa
    with pytest.raises(SandboxError) as refusal:
        fingerprint({"number": "4242424242424241"})
    assert refusal.value.code == "incorrect_number"


def test_the_operator_fails_the_next_payment_and_only_that(engine):
    engine.state.declines.append("insufficient_funds")
    with pytest.raises(SandboxError) as refusal:
        pay(engine)
    assert refusal.value.decline_code == "insufficient_funds"
    assert pay(engine)["status"] == "succeeded"


def test_setup_intents_save_a_card_or_say_why_not(engine):
    customer = engine.call("POST", "/v1/customers", {})
    made = engine.call("POST", "/v1/setup_intents", {"customer": customer["id"]})
    assert made["status"] == "requires_payment_method"
    path = f"/v1/setup_intents/{made['id']}"
    with pytest.raises(SandboxError) as refusal:
        engine.call("POST", f"{path}/confirm", {"payment_method": "pm_card_chargeDeclined"})
    assert (refusal.value.type, refusal.value.code) == ("card_error", "card_declined")
    assert types(engine)[-1] == "setup_intent.setup_failed"
    done = engine.call("POST", f"{path}/confirm", {"payment_method": "pm_card_chargeCustomerFail"})
    assert done["status"] == "succeeded"
    assert types(engine)[-2:] == ["payment_method.attached", "setup_intent.succeeded"]
    with pytest.raises(SandboxError) as refusal:
        engine.call("POST", f"{path}/cancel")
    assert refusal.value.code == "setup_intent_unexpected_state"
    other = engine.call("POST", "/v1/setup_intents", {})
    assert engine.call("POST", f"/v1/setup_intents/{other['id']}/cancel")["status"] == "canceled"


def test_a_subscription_is_charged_by_payment_intents(shop):
    subscription = shop.subscribe()
    (intent,) = shop.call("GET", "/v1/payment_intents", {"customer": shop.customer["id"]})["data"]
    assert (intent["amount"], intent["status"]) == (2000, "succeeded")
    assert shop.read(subscription)["status"] == "active"
    assert "charge.succeeded" in shop.types()


def test_stripe_python_pays_is_declined_refunds_and_discounts(engine):
    http_client = CallableHTTPClient(engine.handle)
    client = stripe.StripeClient("sk_test_sandbox", http_client=http_client)
    params = {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    intent = client.v1.payment_intents.create({**params, "expand": ["latest_charge"]})
    assert intent.latest_charge.outcome.type == "authorized"
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 200})
    assert (refund.status, refund.amount) == ("succeeded", 200)
    with pytest.raises(stripe.CardError) as refusal:
        client.v1.payment_intents.create({**params, "payment_method": "pm_card_chargeDeclined"})
    assert (refusal.value.code, refusal.value.http_status) == ("card_declined", 402)
    assert refusal.value.error.payment_intent.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 400})
    assert refusal.value.param == "amount"
    coupon = client.v1.coupons.create({"percent_off": 12.5, "duration": "once"})
    assert client.v1.coupons.retrieve(coupon.id).percent_off == 12.5
    endpoint = client.v1.webhook_endpoints.create(
        {"url": "https://example.com/hook", "enabled_events": ["charge.refunded"]}
    )
    assert endpoint.secret.startswith("whsec_")
