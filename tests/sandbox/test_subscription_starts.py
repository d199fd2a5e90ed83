"""How a subscription may begin without a payment, and what may be asked of it then."""

import pytest

from django_stripe_billing.sandbox import SandboxError

DAY = 86_400


@pytest.fixture
def stranger(shop):
    """A customer without a payment method."""
    return shop.call("POST", "/v1/customers", {"email": "eve@example.com"})


def confirm(shop, intent, card="pm_card_visa"):
    return shop.call("POST", f"/v1/setup_intents/{intent}/confirm", {"payment_method": card})


def test_a_trial_without_a_card_asks_for_one_by_a_setup_intent(shop, stranger):
    trial = shop.subscribe(customer=stranger["id"], trial_period_days=7)

    intent = shop.call("GET", f"/v1/setup_intents/{trial['pending_setup_intent']}")
    assert (trial["status"], intent["status"]) == ("trialing", "requires_payment_method")
    assert (intent["customer"], intent["usage"]) == (stranger["id"], "off_session")

    saved = confirm(shop, intent["id"])

    trial = shop.read(trial)
    assert trial["pending_setup_intent"] is None
    assert trial["default_payment_method"] == saved["payment_method"]
    previous = shop.engine.events[-1]["data"]["previous_attributes"]
    assert previous == {"default_payment_method": None, "pending_setup_intent": intent["id"]}
    shop.advance(7 * DAY + 3600)
    assert shop.read(trial)["status"] == "active"


def test_a_trial_with_a_card_that_asks_for_3d_secure_lets_it_be_passed_at_once(shop):
    shop.use_card("pm_card_authenticationRequiredOnSetup")
    trial = shop.subscribe(trial_period_days=7)
    intent = shop.call("GET", f"/v1/setup_intents/{trial['pending_setup_intent']}")
    assert intent["status"] == "requires_action"

    shop.engine.authenticate(intent["id"])

    trial = shop.read(trial)
    assert (trial["pending_setup_intent"], trial["default_payment_method"]) == (None, None)
    shop.advance(7 * DAY + 3600)
    assert shop.read(trial)["status"] == "active"


def test_nothing_is_asked_of_a_good_card_nor_where_invoices_are_sent(shop, stranger):
    sent = {"customer": stranger["id"], "collection_method": "send_invoice", "days_until_due": 7}

    for trial in (
        shop.subscribe(trial_period_days=7),
        shop.subscribe(trial_period_days=7, **sent),
        shop.subscribe(),
    ):
        assert trial["pending_setup_intent"] is None


def test_a_setup_intent_that_comes_too_late_changes_nothing(shop, stranger):
    trial = shop.subscribe(customer=stranger["id"], trial_period_days=7)
    shop.call("DELETE", f"/v1/subscriptions/{trial['id']}")

    confirm(shop, trial["pending_setup_intent"])

    assert shop.read(trial)["default_payment_method"] is None


def test_no_subscription_begins_with_a_pending_update(shop):
    with pytest.raises(SandboxError, match="only used with updates") as refused:
        shop.subscribe(payment_behavior="pending_if_incomplete")

    assert refused.value.param == "payment_behavior"


def test_the_trial_of_the_price_is_taken_if_that_is_asked_for(shop):
    trying = {"interval": "month", "trial_period_days": 5}
    items = [{"price": shop.add_price(900, "month", recurring=trying)["id"]}]

    trial = shop.subscribe(items=items, trial_from_plan=True)

    assert trial["trial_end"] == shop.engine.now + 5 * DAY
    assert shop.subscribe(items=items)["status"] == "active"
    assert shop.subscribe(trial_from_plan=True)["status"] == "active"


def test_a_classic_subscription_becomes_flexible_once(shop):
    path = "/v1/subscriptions/{}/migrate"
    mode = {"type": "flexible", "flexible": {"proration_discounts": "itemized"}}
    subscription = shop.subscribe(billing_mode={"type": "classic"})

    moved = shop.call("POST", path.format(subscription["id"]), {"billing_mode": mode})

    assert moved["billing_mode"] == {**mode, "updated_at": shop.engine.now}
    assert shop.types()[-1] == "customer.subscription.updated"
    with pytest.raises(SandboxError, match="already"):
        shop.call("POST", path.format(subscription["id"]), {"billing_mode": mode})
    shop.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    with pytest.raises(SandboxError, match="has ended"):
        shop.call("POST", path.format(subscription["id"]), {"billing_mode": mode})


def test_proration_discounts_are_kept(shop):
    mode = {"type": "flexible", "flexible": {"proration_discounts": "included"}}

    assert shop.subscribe(billing_mode=mode)["billing_mode"] == mode


@pytest.mark.parametrize(("mode", "totals"), [("classic", [300, 2000]), ("flexible", [2000])])
def test_a_one_time_item_of_an_update_waits_for_an_invoice_in_flexible_mode(shop, mode, totals):
    subscription = shop.subscribe(billing_mode={"type": mode})
    fee = {"price_data": {"product": shop.product["id"], "currency": "usd", "unit_amount": 300}}

    shop.change(subscription, add_invoice_items=[fee], proration_behavior="always_invoice")

    assert [invoice["total"] for invoice in shop.invoices(subscription)] == totals


def test_a_one_time_item_of_an_update_stands_in_the_next_invoice(shop):
    subscription = shop.subscribe()
    fee = {"price_data": {"product": shop.product["id"], "currency": "usd", "unit_amount": 300}}
    shop.change(subscription, add_invoice_items=[fee])
    item = subscription["items"]["data"][0]["id"]

    shop.change(
        subscription,
        items=[{"id": item, "quantity": 2}],
        proration_behavior="always_invoice",
    )

    assert shop.invoices(subscription)[0]["total"] == 2300


@pytest.mark.parametrize("path", ["/v1/subscriptions", "/v1/invoices", "/v1/invoiceitems"])
def test_somebody_has_to_pay(shop, path):
    items = {"items": [{"price": shop.price["id"]}]} if path == "/v1/subscriptions" else {}

    with pytest.raises(SandboxError) as refused:
        shop.call("POST", path, items)

    assert (refused.value.code, refused.value.param) == ("parameter_missing", "customer")
