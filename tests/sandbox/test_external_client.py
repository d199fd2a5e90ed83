"""A client written for Stripe itself, with nothing but `stripe` and an address, plays scenarios.

It knows test clocks, test cards, events by type and time, and polls a clock until it is ready.
"""

import threading
import time

import pytest
import stripe

from django_stripe_billing.sandbox import Engine
from django_stripe_billing.sandbox.deliveries import HttpDeliveries
from django_stripe_billing.sandbox.server import SandboxServer

DAY = 86_400
START = 1_767_225_600
"""1 January 2026."""
FEBRUARY, MARCH = START + 31 * DAY, START + 59 * DAY


@pytest.fixture(scope="module")
def client():
    engine = Engine()
    deliveries = HttpDeliveries(engine, "", secret="whsec_external")
    server = SandboxServer(engine, deliveries, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield stripe.StripeClient(
        "sk_test_external", base_addresses={"api": server.url}, max_network_retries=0
    )
    server.shutdown()
    thread.join()


class Scenario:
    """A clock, a customer on it with a card, two prices."""

    def __init__(self, client, *, card="pm_card_visa"):
        self.client = client
        self.clock = client.v1.test_helpers.test_clocks.create(
            {"frozen_time": START, "name": "Scenario"}
        )
        self.customer = client.v1.customers.create(
            {
                "email": "jenny@example.com",
                "test_clock": self.clock.id,
                "payment_method": card,
                "invoice_settings": {"default_payment_method": card},
            }
        )
        product = client.v1.products.create({"name": "Plan"})
        self.basic, self.premium = (
            client.v1.prices.create(
                {
                    "product": product.id,
                    "currency": "usd",
                    "unit_amount": amount,
                    "recurring": {"interval": "month"},
                }
            )
            for amount in (1000, 3000)
        )

    def subscribe(self, **values):
        return self.client.v1.subscriptions.create(
            {"customer": self.customer.id, "items": [{"price": self.basic.id}], **values}
        )

    def advance(self, moment):
        clocks = self.client.v1.test_helpers.test_clocks
        answer = clocks.advance(self.clock.id, {"frozen_time": moment})
        assert answer.status == "advancing"
        deadline = time.monotonic() + 20
        while clocks.retrieve(self.clock.id).status != "ready":
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def events(self, *types, since=0):
        """What happened to this customer, oldest first."""
        found = self.client.v1.events.list(
            {"types": list(types), "created": {"gte": since}, "limit": 100}
        )
        own = [
            event
            for event in found.auto_paging_iter()
            if getattr(event.data.object, "customer", None) == self.customer.id
        ]
        return [(event.type, event.created) for event in reversed(own)]

    def use_card(self, card):
        method = self.client.v1.payment_methods.attach(card, {"customer": self.customer.id})
        self.client.v1.customers.update(
            self.customer.id, {"invoice_settings": {"default_payment_method": method.id}}
        )


def test_a_renewal(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    assert subscription.status == "active"
    scenario.advance(FEBRUARY + 7200)
    renewed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    item = renewed["items"].data[0]
    assert (item.current_period_start, item.current_period_end) == (FEBRUARY, MARCH)
    assert renewed.latest_invoice.billing_reason == "subscription_cycle"
    assert renewed.latest_invoice.status == "paid"
    assert scenario.events(
        "invoice.created", "invoice.finalized", "invoice.paid", since=START + 1
    ) == [
        ("invoice.created", FEBRUARY),
        ("invoice.finalized", FEBRUARY + 3600),
        ("invoice.paid", FEBRUARY + 3600),
    ]


def test_a_failed_renewal_and_its_recovery(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    scenario.use_card("pm_card_chargeCustomerFail")
    scenario.advance(FEBRUARY + 7200)
    failed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    invoice = failed.latest_invoice
    assert (failed.status, invoice.status, invoice.attempt_count) == ("past_due", "open", 1)
    assert invoice.next_payment_attempt > FEBRUARY + 7200
    assert scenario.events("invoice.payment_failed") == [
        ("invoice.payment_failed", FEBRUARY + 3600)
    ]
    with pytest.raises(stripe.CardError) as refusal:
        client.v1.invoices.pay(invoice.id)
    assert refusal.value.code == "card_declined"
    scenario.use_card("pm_card_visa")
    scenario.advance(invoice.next_payment_attempt + 60)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert client.v1.invoices.retrieve(invoice.id).attempt_count == 2
    payments = client.v1.invoice_payments.list({"invoice": invoice.id})
    assert payments.data[0].payment.payment_intent.startswith("pi_")


def test_a_failed_renewal_that_nobody_mends(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    scenario.use_card("pm_card_chargeCustomerFail")
    scenario.advance(FEBRUARY + 20 * DAY)
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    told = scenario.events("invoice.payment_failed", "customer.subscription.deleted")
    assert [kind for kind, _ in told] == ["invoice.payment_failed"] * 4 + [
        "customer.subscription.deleted"
    ]
    assert [moment for _, moment in told] == sorted(moment for _, moment in told)


def test_a_plan_change_costs_what_its_preview_said(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    scenario.advance(START + 10 * DAY)
    change = {
        "items": [{"id": subscription["items"].data[0].id, "price": scenario.premium.id}],
        "proration_date": START + 10 * DAY,
        "proration_behavior": "always_invoice",
    }
    preview = client.v1.invoices.create_preview(
        {"subscription": subscription.id, "subscription_details": change}
    )
    changed = client.v1.subscriptions.update(
        subscription.id, {**change, "expand": ["latest_invoice"]}
    )
    assert changed.latest_invoice.total == preview.total == round(2000 * 21 / 31)
    assert changed.latest_invoice.status == "paid"
    assert scenario.events("invoice.paid", since=START + 1) == [("invoice.paid", START + 10 * DAY)]
    scenario.advance(FEBRUARY + 7200)
    invoices = client.v1.invoices.list({"subscription": subscription.id})
    assert [invoice.total for invoice in invoices.data] == [3000, preview.total, 1000]


def test_cancel_at_period_end(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    ending = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at) == ("active", FEBRUARY)
    scenario.advance(FEBRUARY + 7200)
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", FEBRUARY)
    assert scenario.events("customer.subscription.deleted", "invoice.created") == [
        ("invoice.created", START),
        ("customer.subscription.deleted", FEBRUARY),
    ]


def test_a_plan_change_at_the_periods_end(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    schedules = client.v1.subscription_schedules
    schedule = schedules.create({"from_subscription": subscription.id})
    phase = schedule.phases[0]
    schedules.update(
        schedule.id,
        {
            "end_behavior": "release",
            "phases": [
                {
                    "items": [
                        {"price": item.price, "quantity": item.quantity} for item in phase["items"]
                    ],
                    "start_date": phase.start_date,
                    "end_date": phase.end_date,
                },
                {"items": [{"price": scenario.premium.id, "quantity": 1}]},
            ],
        },
    )
    scenario.advance(FEBRUARY + 7200)
    changed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert changed["items"].data[0].price.id == scenario.premium.id
    assert changed.latest_invoice.total == 3000


def test_a_trial_that_ends(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe(trial_period_days=10)
    assert subscription.status == "trialing"
    scenario.advance(START + 11 * DAY)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert scenario.events("customer.subscription.trial_will_end") == [
        ("customer.subscription.trial_will_end", START + 7 * DAY)
    ]


def test_a_deleted_clock_takes_its_customers_along(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    assert client.v1.test_helpers.test_clocks.delete(scenario.clock.id).deleted
    assert client.v1.customers.retrieve(scenario.customer.id).deleted
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.retrieve(subscription.id)
