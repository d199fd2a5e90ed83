"""Pausing and resuming a subscription."""

import pytest

from django_stripe_billing.sandbox import SandboxError

from .conftest import START

DAY, HOUR = 86_400, 3_600
MONTH = 30 * DAY


def pause(shop, subscription, **values):
    return shop.call("POST", f"/v1/subscriptions/{subscription['id']}/pause", values)


def resume(shop, subscription, **values):
    return shop.call("POST", f"/v1/subscriptions/{subscription['id']}/resume", values)


def pending(shop):
    return [
        row["amount"] for row in shop.call("GET", "/v1/invoiceitems", {"pending": True})["data"]
    ]


@pytest.fixture
def subscription(shop):
    found = shop.subscribe()
    shop.advance(MONTH // 2)
    return found


def test_pausing_credits_the_unused_time_and_stops_renewals(shop, subscription):
    paused = pause(shop, subscription)
    assert paused["status"] == "paused"
    assert paused["status_details"]["paused"]["subscription"]["type"] == "pause_requested"
    assert pending(shop) == [-1000]
    shop.advance(3 * MONTH)
    assert len(shop.invoices(subscription)) == 1
    assert shop.events("customer.subscription.paused") == [
        ("customer.subscription.paused", START + MONTH // 2)
    ]
    with pytest.raises(SandboxError):
        pause(shop, subscription)


@pytest.mark.parametrize(
    ("values", "left", "balance"),
    [
        ({"bill_for": {"unused_time_from": {"type": "none"}}}, [], 0),
        ({"bill_for": {"unused_time_from": {"type": "item_current_period_start"}}}, [-2000], 0),
        ({"invoicing_behavior": "invoice"}, [], -1000),
    ],
)
def test_what_a_pause_bills_is_chosen(shop, subscription, values, left, balance):
    pause(shop, subscription, **values)
    assert pending(shop) == left
    assert shop.call("GET", f"/v1/customers/{shop.customer['id']}")["balance"] == balance


def test_resuming_begins_and_bills_a_new_period(shop, subscription):
    pause(shop, subscription)
    shop.advance(5 * DAY)
    live = resume(shop, subscription)
    now = START + MONTH // 2 + 5 * DAY
    assert (live["status"], live["status_details"]) == ("active", None)
    assert live["billing_cycle_anchor"] == now
    assert live["items"]["data"][0]["current_period_start"] == now
    assert shop.invoices(subscription)[0]["total"] == 2000 - 1000
    assert "customer.subscription.resumed" in shop.types()
    with pytest.raises(SandboxError, match="Only a paused"):
        resume(shop, subscription)


def test_resuming_with_the_old_anchor_charges_the_rest_of_the_period(shop, subscription):
    pause(shop, subscription)
    shop.advance(5 * DAY)
    live = resume(
        shop,
        subscription,
        billing_cycle_anchor={"type": "unchanged"},
        proration_behavior="always_invoice",
    )
    assert live["billing_cycle_anchor"] == START
    assert live["items"]["data"][0]["current_period_end"] == START + MONTH
    assert shop.invoices(subscription)[0]["total"] == 667 - 1000


def test_a_failed_payment_resumes_it_as_past_due(shop, subscription):
    pause(shop, subscription)
    shop.use_card("pm_card_chargeCustomerFail")
    assert resume(shop, subscription)["status"] == "past_due"


@pytest.mark.parametrize("is_paid", [True, False])
def test_it_may_wait_for_the_payment_before_it_resumes(shop, subscription, is_paid):
    pause(shop, subscription, bill_for={"unused_time_from": {"type": "none"}})
    shop.use_card("pm_card_chargeCustomerFail")
    waiting = resume(shop, subscription, payment_behavior="resume_on_payment_success")
    assert waiting["status"] == "paused"
    invoice = shop.invoices(subscription)[0]
    assert (invoice["status"], invoice["total"]) == ("open", 2000)
    with pytest.raises(SandboxError, match="open invoice"):
        resume(shop, subscription)
    if is_paid:
        path = f"/v1/invoices/{invoice['id']}/pay"
        shop.call("POST", path, {"payment_method": "pm_card_visa"})
        assert shop.read(subscription)["status"] == "active"
        assert "customer.subscription.resumed" in shop.types()
    shop.advance(23 * HOUR)
    assert shop.read(subscription)["status"] == ("active" if is_paid else "paused")
    assert shop.invoices(subscription)[0]["status"] == ("paid" if is_paid else "void")


def test_a_trial_may_begin_in_the_middle_of_a_paid_period(shop, subscription):
    now = START + MONTH // 2
    trial = shop.change(subscription, trial_end=now + 7 * DAY)
    assert (trial["status"], trial["billing_cycle_anchor"]) == ("trialing", now + 7 * DAY)
    assert pending(shop) == [-1000]
    shop.advance(7 * DAY + HOUR)
    assert shop.read(subscription)["status"] == "active"
    assert shop.invoices(subscription)[0]["total"] == 1000
