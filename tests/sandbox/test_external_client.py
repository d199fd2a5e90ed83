"""A client written for Stripe itself, with nothing but `stripe` and an address, plays scenarios.

It knows test clocks, test cards, events by type and time, and polls a clock until it is ready.
"""

import threading
import time
import urllib.parse
import urllib.request

import pytest
import stripe

from django_stripe_billing.sandbox import Engine
from django_stripe_billing.sandbox.deliveries import HttpDeliveries
from django_stripe_billing.sandbox.server import SandboxServer

DAY = 86_400
THREE_D_SECURE = "pm_card_authenticationRequired"
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


def authenticate(url):
    """What the cardholder does on the bank's page."""
    form = urllib.parse.urlencode({"action": "authenticate"}).encode()
    with urllib.request.urlopen(url, data=form, timeout=20) as answer:
        assert answer.status == 200


def intent_of(client, invoice_id):
    """The payment intent that collects an invoice."""
    expanded = client.v1.invoices.retrieve(invoice_id, {"expand": ["payments"]})
    payment = expanded.payments.data[0].payment
    return client.v1.payment_intents.retrieve(payment.payment_intent)


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


def test_a_declined_card_leaves_a_new_subscription_incomplete(client):
    scenario = Scenario(client, card="pm_card_chargeCustomerFail")
    subscription = scenario.subscribe(expand=["latest_invoice.payments"])
    invoice = subscription.latest_invoice
    assert (subscription.status, invoice.status, invoice.attempt_count) == ("incomplete", "open", 1)
    intent = intent_of(client, invoice.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.decline_code == "generic_decline"
    charges = client.v1.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["failed"]
    with pytest.raises(stripe.CardError) as refusal:
        scenario.subscribe(payment_behavior="error_if_incomplete")
    assert (refusal.value.code, refusal.value.http_status) == ("card_declined", 402)
    paid = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_declined_first_payment_that_nobody_mends_expires(client):
    scenario = Scenario(client, card="pm_card_chargeCustomerFail")
    subscription = scenario.subscribe()
    scenario.advance(START + DAY)
    ended = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (ended.status, ended.latest_invoice.status) == ("incomplete_expired", "void")
    assert scenario.events("customer.subscription.deleted") == []


def test_a_first_payment_with_3d_secure(client):
    scenario = Scenario(client, card=THREE_D_SECURE)
    subscription = scenario.subscribe(expand=["latest_invoice.confirmation_secret"])
    assert subscription.status == "incomplete"
    intent = intent_of(client, subscription.latest_invoice.id)
    assert subscription.latest_invoice.confirmation_secret.client_secret == intent.client_secret
    assert (intent.status, intent.next_action.type) == ("requires_action", "use_stripe_sdk")
    authenticate(intent.next_action.use_stripe_sdk.stripe_js)
    after = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (after.status, after.latest_invoice.status) == ("active", "paid")
    assert [kind for kind, _ in scenario.events("invoice.*")] == [
        "invoice.created",
        "invoice.updated",
        "invoice.finalized",
        "invoice.updated",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


def test_a_renewal_with_3d_secure(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    scenario.use_card(THREE_D_SECURE)
    scenario.advance(FEBRUARY + 7200)
    waiting = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (waiting.status, waiting.latest_invoice.status) == ("past_due", "open")
    assert scenario.events("invoice.payment_action_required") == [
        ("invoice.payment_action_required", FEBRUARY + 3600)
    ]
    intent = intent_of(client, waiting.latest_invoice.id)
    assert intent.status == "requires_action"
    authenticate(intent.next_action.use_stripe_sdk.stripe_js)
    after = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (after.status, after.latest_invoice.status) == ("active", "paid")
    scenario.advance(MARCH + 3600 + DAY)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due", "every time"


def test_a_paid_invoice_is_refunded_in_part_and_then_whole(client):
    scenario = Scenario(client)
    subscription = scenario.subscribe()
    intent = intent_of(client, subscription.latest_invoice)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 400})
    assert (refund.status, refund.charge) == ("succeeded", intent.latest_charge)
    charge = client.v1.charges.retrieve(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (400, False)
    client.v1.refunds.create({"charge": charge.id})
    charge = client.v1.charges.retrieve(charge.id)
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"charge": charge.id})
    assert refusal.value.code == "charge_already_refunded"
    payments = client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    )
    assert payments.data[0].invoice == subscription.latest_invoice
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert scenario.events("charge.refunded") == [("charge.refunded", START)] * 2


def test_a_disputed_payment(client):
    scenario = Scenario(client, card="pm_card_createDispute")
    subscription = scenario.subscribe()
    intent = intent_of(client, subscription.latest_invoice)
    charge = client.v1.charges.retrieve(intent.latest_charge)
    assert charge.disputed
    (dispute,) = client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.status, dispute.reason, dispute.amount) == (
        "needs_response",
        "fraudulent",
        1000,
    )
    evidence = {"uncategorized_text": "losing_evidence"}
    client.v1.disputes.update(dispute.id, {"evidence": evidence, "submit": True})
    assert client.v1.disputes.retrieve(dispute.id).status == "lost"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    told = client.v1.events.list({"types": ["charge.dispute.*"], "limit": 100}).data
    own = [event.type for event in reversed(told) if event.data.object.id == dispute.id]
    assert own[:2] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert own[-1] == "charge.dispute.closed"


def test_a_coupon_for_three_months(client):
    scenario = Scenario(client)
    coupon = client.v1.coupons.create(
        {"percent_off": 25, "duration": "repeating", "duration_in_months": 3}
    )
    subscription = scenario.subscribe(discounts=[{"coupon": coupon.id}], expand=["discounts"])
    discount = subscription.discounts[0]
    assert (discount.source.coupon, discount.end) == (coupon.id, START + 90 * DAY)
    for month_end in (FEBRUARY, MARCH, START + 90 * DAY):
        scenario.advance(month_end + 7200)
    invoices = client.v1.invoices.list({"subscription": subscription.id}).data
    assert [invoice.total for invoice in invoices] == [1000, 750, 750, 750]
    assert invoices[1].total_discount_amounts[0].amount == 250
    charges = client.v1.charges.list({"customer": scenario.customer.id}).data
    assert [charge.amount for charge in charges] == [1000, 750, 750, 750]
    assert list(client.v1.subscriptions.retrieve(subscription.id).discounts) == []
    assert scenario.events("customer.discount.deleted") == [
        ("customer.discount.deleted", START + 90 * DAY)
    ]


def test_a_metered_renewal(client):
    scenario = Scenario(client)
    name = f"calls_{scenario.clock.id}"
    meter = client.v1.billing.meters.create(
        {
            "display_name": "Calls",
            "event_name": name,
            "default_aggregation": {"formula": "sum"},
        }
    )
    price = client.v1.prices.create(
        {
            "product_data": {"name": "Calls"},
            "currency": "usd",
            "unit_amount_decimal": "0.5",
            "recurring": {"interval": "month", "usage_type": "metered", "meter": meter.id},
        }
    )
    subscription = scenario.subscribe(items=[{"price": scenario.basic.id}, {"price": price.id}])
    scenario.advance(START + DAY)
    for value in ("1000", "201"):
        client.v1.billing.meter_events.create(
            {
                "event_name": name,
                "payload": {"stripe_customer_id": scenario.customer.id, "value": value},
            }
        )
    preview = client.v1.invoices.create_preview({"subscription": subscription.id})
    scenario.advance(FEBRUARY + 7200)
    invoice = client.v1.subscriptions.retrieve(
        subscription.id, {"expand": ["latest_invoice"]}
    ).latest_invoice
    assert (invoice.status, invoice.total, invoice.total) == ("paid", 1601, preview.total)
    usage = next(
        line for line in invoice.lines.data if line.pricing.price_details.price == price.id
    )
    assert (usage.quantity, usage.amount) == (1201, 601)
    assert (usage.period.start, usage.period.end) == (START, FEBRUARY)


def test_a_connected_account_is_a_shop_of_its_own(client):
    options = {"stripe_account": "acct_1Connected"}
    made = client.v1.customers.create({"email": "theirs@example.com"}, options)
    assert client.v1.customers.retrieve(made.id, options=options).email == "theirs@example.com"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.retrieve(made.id)
    (event,) = client.v1.events.list({"type": "customer.created"}, options).data
    assert (event.account, event.data.object.id) == ("acct_1Connected", made.id)


def test_a_trial_asks_for_its_card_and_bills_with_tax_what_stands_in_the_request(client):
    scenario = Scenario(client)
    stranger = client.v1.customers.create(
        {"email": "new@example.com", "test_clock": scenario.clock.id}
    )
    rate = client.v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False})
    data = {
        "product": scenario.basic.product,
        "currency": "usd",
        "unit_amount": 1500,
        "recurring": {"interval": "month"},
    }
    trial = client.v1.subscriptions.create(
        {
            "customer": stranger.id,
            "items": [{"price_data": data}],
            "trial_period_days": 7,
            "default_tax_rates": [rate.id],
            "payment_behavior": "default_incomplete",
            "expand": ["pending_setup_intent"],
        }
    )
    client.v1.setup_intents.confirm(
        trial.pending_setup_intent.id,
        {"payment_method": "pm_card_visa", "return_url": "https://example.com"},
    )
    scenario.advance(START + 7 * DAY + 7200)
    found = client.v1.invoices.list({"subscription": trial.id}).data
    assert [(invoice.status, invoice.total) for invoice in found] == [("paid", 1800), ("paid", 0)]
    note = client.v1.credit_notes.create(
        {"invoice": found[0].id, "amount": 300, "refund_amount": 300}
    )
    assert client.v1.refunds.retrieve(note.refunds[0].refund).amount == 300


def test_customers_are_found_by_what_is_written_on_them(client):
    made = client.v1.customers.create(
        {"email": "tag@example.com", "metadata": {"team": "external"}}
    )
    query = "metadata['team']:'external' AND -email:null"
    found = client.v1.customers.search({"query": query})
    assert [customer.id for customer in found.auto_paging_iter()] == [made.id]
