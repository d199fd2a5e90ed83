"""How the sandbox's invoices come by their money: 3D Secure, confirmed intents, hard declines."""

import pytest

from django_stripe_billing.sandbox import SandboxError

from .conftest import START

DAY, HOUR = 86_400, 3_600
MONTH = 30 * DAY
THREE_D_SECURE = "pm_card_threeDSecure2Required"


def intent_of(shop, invoice):
    """The payment intent that collects an invoice."""
    payment = shop.call("GET", "/v1/invoice_payments", {"invoice": invoice["id"]})["data"][0]
    return shop.call("GET", f"/v1/payment_intents/{payment['payment']['payment_intent']}")


def latest(shop, subscription):
    return shop.invoices(subscription)[0]


def test_the_intent_is_made_when_the_invoice_is_finalized(shop):
    subscription = shop.subscribe(payment_behavior="default_incomplete")
    invoice = latest(shop, subscription)
    intent = intent_of(shop, invoice)
    assert (intent["status"], intent["amount"]) == ("requires_payment_method", 2000)
    assert intent["setup_future_usage"] == "off_session"
    types = shop.types()
    assert types.index("payment_intent.created") > types.index("invoice.finalized")
    shown = shop.call(
        "GET", f"/v1/invoices/{invoice['id']}", {"expand": ["confirmation_secret", "payments"]}
    )
    assert shown["confirmation_secret"] == {
        "client_secret": intent["client_secret"],
        "type": "payment_intent",
    }
    assert shown["payments"]["data"][0]["payment"]["payment_intent"] == intent["id"]


def test_an_incomplete_subscription_becomes_active_when_its_intent_is_confirmed(shop):
    subscription = shop.subscribe(
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
    )
    intent = intent_of(shop, latest(shop, subscription))
    confirm = f"/v1/payment_intents/{intent['id']}/confirm"
    with pytest.raises(SandboxError, match="declined"):
        shop.call("POST", confirm, {"payment_method": "pm_card_chargeDeclined"})
    assert shop.read(subscription)["status"] == "incomplete"
    assert shop.types()[-1] == "invoice.payment_failed"
    paid = shop.call("POST", confirm, {"payment_method": "pm_card_visa"})
    assert paid["status"] == "succeeded"
    after = shop.read(subscription)
    assert after["status"] == "active"
    assert after["default_payment_method"] == paid["payment_method"]
    invoice = latest(shop, subscription)
    assert (invoice["status"], invoice["attempt_count"]) == ("paid", 1)
    told = shop.types()
    assert told.index("payment_intent.succeeded") < told.index("invoice.paid")
    assert told.count("invoice.paid") == 1


def test_a_first_payment_waits_for_3d_secure(shop):
    shop.use_card(THREE_D_SECURE)
    subscription = shop.subscribe()
    assert subscription["status"] == "incomplete"
    invoice = latest(shop, subscription)
    intent = intent_of(shop, invoice)
    assert (invoice["status"], intent["status"]) == ("open", "requires_action")
    assert shop.types().count("invoice.payment_action_required") == 1
    shop.engine.authenticate(intent["id"])
    assert shop.read(subscription)["status"] == "active"
    assert latest(shop, subscription)["status"] == "paid"


def test_a_first_payment_that_fails_3d_secure_stays_incomplete_until_it_expires(shop):
    shop.use_card(THREE_D_SECURE)
    subscription = shop.subscribe()
    intent = intent_of(shop, latest(shop, subscription))
    shop.engine.authenticate(intent["id"], succeeds=False)
    assert shop.read(subscription)["status"] == "incomplete"
    shop.advance(23 * HOUR)
    assert shop.read(subscription)["status"] == "incomplete_expired"
    intent = shop.call("GET", f"/v1/payment_intents/{intent['id']}")
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "void_invoice")


def test_a_renewal_waits_for_3d_secure_and_the_card_is_not_tried_again_meanwhile(shop):
    subscription = shop.subscribe()
    shop.use_card(THREE_D_SECURE)
    shop.advance(MONTH + HOUR)
    assert shop.read(subscription)["status"] == "past_due"
    invoice = latest(shop, subscription)
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert invoice["next_payment_attempt"] == START + MONTH + HOUR + 3 * DAY
    told = shop.types()
    assert (
        told.count("invoice.payment_action_required"),
        told.count("invoice.payment_failed"),
    ) == (
        1,
        1,
    )
    shop.advance(3 * DAY)
    assert latest(shop, subscription)["attempt_count"] == 2
    assert shop.types().count("invoice.payment_failed") == 1
    shop.engine.authenticate(intent_of(shop, invoice)["id"])
    assert shop.read(subscription)["status"] == "active"
    paid = latest(shop, subscription)
    assert (paid["status"], paid["attempt_count"], paid["next_payment_attempt"]) == (
        "paid",
        2,
        None,
    )


def test_a_card_that_was_set_up_renews_without_3d_secure(shop):
    shop.use_card("pm_card_authenticationRequiredOnSetup")
    subscription = shop.subscribe()
    assert subscription["status"] == "incomplete"
    shop.engine.authenticate(intent_of(shop, latest(shop, subscription))["id"])
    shop.advance(MONTH + HOUR)
    assert shop.read(subscription)["status"] == "active"
    assert latest(shop, subscription)["status"] == "paid"


def test_a_renewal_that_nobody_authenticates_ends_like_any_other(shop):
    subscription = shop.subscribe()
    shop.use_card(THREE_D_SECURE)
    shop.advance(MONTH + 20 * DAY)
    assert shop.read(subscription)["status"] == "canceled"
    assert shop.types().count("invoice.payment_failed") == 1


@pytest.mark.parametrize(("code", "failures"), [("stolen_card", 1), ("insufficient_funds", 4)])
def test_only_soft_declines_are_tried_again(shop, code, failures):
    subscription = shop.subscribe()
    for _ in range(failures):
        shop.engine.state.declines.append(code)
    shop.advance(MONTH + HOUR + 8 * DAY)
    assert shop.types().count("invoice.payment_failed") == failures
    assert shop.types().count("charge.failed") == failures
    assert shop.read(subscription)["status"] == "canceled"


def test_another_card_is_tried_after_a_hard_decline(shop):
    subscription = shop.subscribe()
    shop.engine.state.declines.append("stolen_card")
    shop.advance(MONTH + HOUR)
    assert shop.read(subscription)["status"] == "past_due"
    shop.use_card("pm_card_mastercard")
    shop.advance(3 * DAY)
    assert shop.read(subscription)["status"] == "active"


def test_a_payment_that_needs_the_customer_is_refused_where_it_must_succeed(shop):
    shop.use_card(THREE_D_SECURE)
    with pytest.raises(SandboxError) as refusal:
        shop.subscribe(payment_behavior="error_if_incomplete")
    assert refusal.value.status == 402
    assert refusal.value.code == "subscription_payment_intent_requires_action"
    assert shop.call("GET", "/v1/subscriptions")["data"] == []


def test_a_decline_is_told_with_its_code(shop):
    shop.use_card("pm_card_chargeCustomerFail")
    with pytest.raises(SandboxError) as refusal:
        shop.subscribe(payment_behavior="error_if_incomplete")
    assert (refusal.value.code, refusal.value.decline_code) == ("card_declined", "generic_decline")
    subscription = shop.subscribe()
    assert subscription["status"] == "incomplete"
    intent = intent_of(shop, latest(shop, subscription))
    assert intent["last_payment_error"]["decline_code"] == "generic_decline"


def test_paying_an_invoice_with_3d_secure_by_hand_says_what_is_to_be_done(shop):
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    shop.advance(MONTH + HOUR)
    invoice = latest(shop, subscription)
    with pytest.raises(SandboxError) as refusal:
        shop.call("POST", f"/v1/invoices/{invoice['id']}/pay", {"payment_method": THREE_D_SECURE})
    assert refusal.value.code == "invoice_payment_intent_requires_action"
    shop.engine.authenticate(intent_of(shop, invoice)["id"])
    assert shop.read(subscription)["status"] == "active"


def test_the_intent_goes_with_a_voided_invoice_and_by_no_other_way(shop):
    subscription = shop.subscribe()
    shop.use_card("pm_card_chargeCustomerFail")
    shop.advance(MONTH + HOUR)
    invoice = latest(shop, subscription)
    intent = intent_of(shop, invoice)
    with pytest.raises(SandboxError, match="belongs to an invoice"):
        shop.call("POST", f"/v1/payment_intents/{intent['id']}/cancel")
    shop.call("POST", f"/v1/invoices/{invoice['id']}/void")
    intent = shop.call("GET", f"/v1/payment_intents/{intent['id']}")
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "void_invoice")
    with pytest.raises(SandboxError, match="canceled"):
        shop.call(
            "POST",
            f"/v1/payment_intents/{intent['id']}/confirm",
            {"payment_method": "pm_card_visa"},
        )


def test_a_delayed_debit_leaves_a_renewal_open_and_the_subscription_active(shop):
    subscription = shop.subscribe()
    debit = shop.call(
        "POST",
        "/v1/payment_methods",
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "AT321904300235473204"},
            "billing_details": {"name": "Ada", "email": "ada@example.com"},
        },
    )
    shop.use_card(debit["id"])
    shop.advance(MONTH + HOUR)
    assert shop.read(subscription)["status"] == "active"
    assert latest(shop, subscription)["status"] == "open"
    assert intent_of(shop, latest(shop, subscription))["status"] == "processing"
    assert "invoice.payment_failed" not in shop.types()
    shop.advance(200)
    assert latest(shop, subscription)["status"] == "paid"


def test_a_delayed_debit_that_fails_makes_the_subscription_past_due(shop):
    subscription = shop.subscribe()
    debit = shop.call(
        "POST",
        "/v1/payment_methods",
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "AT861904300235473202"},
            "billing_details": {"name": "Ada", "email": "ada@example.com"},
        },
    )
    shop.use_card(debit["id"])
    shop.advance(MONTH + HOUR + 10)
    assert shop.read(subscription)["status"] == "past_due"
    invoice = latest(shop, subscription)
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert invoice["next_payment_attempt"] is not None


def test_a_change_that_waits_for_3d_secure_is_made_when_that_is_passed(shop):
    subscription = shop.subscribe()
    dear = shop.add_price(5000, "month")
    shop.use_card(THREE_D_SECURE)
    shop.advance(DAY)
    item = subscription["items"]["data"][0]
    held = shop.change(
        subscription,
        items=[{"id": item["id"], "price": dear["id"]}],
        proration_behavior="always_invoice",
        payment_behavior="pending_if_incomplete",
    )
    assert held["pending_update"] is not None
    assert held["status"] == "active"
    shop.engine.authenticate(intent_of(shop, latest(shop, subscription))["id"])
    after = shop.read(subscription)
    assert after["pending_update"] is None
    assert after["items"]["data"][0]["price"]["id"] == dear["id"]
    assert "customer.subscription.pending_update_applied" in shop.types()


def test_a_resumption_waits_for_a_confirmed_intent(shop):
    subscription = shop.subscribe()
    path = f"/v1/subscriptions/{subscription['id']}"
    keeps_the_money = {"bill_for": {"unused_time_from": {"type": "none"}}}
    shop.call("POST", f"{path}/pause", {"type": "subscription", **keeps_the_money})
    shop.use_card("pm_card_chargeCustomerFail")
    shop.advance(DAY)
    waits = {"payment_behavior": "resume_on_payment_success"}
    assert shop.call("POST", f"{path}/resume", waits)["status"] == "paused"
    intent = intent_of(shop, latest(shop, subscription))
    confirm = f"/v1/payment_intents/{intent['id']}/confirm"
    shop.call("POST", confirm, {"payment_method": "pm_card_visa"})
    assert shop.read(subscription)["status"] == "active"
