"""The sandbox's objects have the keys and JSON types of Stripe's own examples."""

import json
from pathlib import Path

import pytest

from django_stripe_billing.sandbox import Engine, ManualClock

EXAMPLES = Path(__file__).parents[3] / "shared" / "stripe" / "fixtures3.json"

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="Stripe's example objects (fixtures3.json) are not at hand"
)

NEWER = {
    "checkout.session": {"presentment_details"},
    "invoice": {"status_details"},
    "invoice_payment.payment": {"payment_intent"},
    "invoiceitem.parent.subscription_details": {"subscription_item"},
    "invoiceitem.pricing": {"price_details"},
    "line_item.pricing": {"price_details"},
    "payment_intent.automatic_payment_methods": {"allow_redirects"},
    "setup_intent.automatic_payment_methods": {"allow_redirects"},
    "subscription": {"status_details"},
    "subscription_item": {"billed_until", "current_trial"},
}
"""Fields that came after the examples, or that they leave out: they are in stripe-python 16.1."""

REMOVED = {"charge": {"refunds"}, "invoice": {"subscription"}}
"""In the examples, yet gone since basil, or shown only when expanded."""

FREE = {"metadata", "data", "payload", "payment_method_options"}
"""Hashes whose keys are not Stripe's."""


@pytest.fixture(scope="module")
def objects():
    """One of each object, by kind."""
    engine = Engine(clock=ManualClock(1_790_000_000))
    call = engine.call
    feature = call("POST", "/v1/entitlements/features", {"name": "R", "lookup_key": "reports"})
    product = call("POST", "/v1/products", {"name": "Pro"})
    link = call(
        "POST", f"/v1/products/{product['id']}/features", {"entitlement_feature": feature["id"]}
    )
    price = call(
        "POST",
        "/v1/prices",
        {
            "product": product["id"],
            "currency": "usd",
            "unit_amount": 2000,
            "recurring": {"interval": "month"},
        },
    )
    customer = call("POST", "/v1/customers", {"email": "ada@example.com"})
    session = call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "subscription",
            "customer": customer["id"],
            "line_items": [{"price": price["id"], "quantity": 1}],
            "success_url": "https://example.com/ok",
        },
    )
    done = engine.complete_checkout(session["id"])
    subscription = call("GET", f"/v1/subscriptions/{done['subscription']}")
    active = call("GET", "/v1/entitlements/active_entitlements", {"customer": customer["id"]})
    portal = call("POST", "/v1/billing_portal/sessions", {"customer": customer["id"]})
    intent = call(
        "POST",
        "/v1/payment_intents",
        {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True},
    )
    charge = call("GET", f"/v1/charges/{intent['latest_charge']}")
    refund = call("POST", "/v1/refunds", {"charge": charge["id"], "amount": 100})
    inquiry = {"payment_method": "pm_card_createDisputeInquiry", "confirm": True}
    call("POST", "/v1/payment_intents", {"amount": 500, "currency": "usd", **inquiry})
    coupon = call("POST", "/v1/coupons", {"percent_off": 10, "duration": "forever"})
    promotion = {"promotion": {"type": "coupon", "coupon": coupon["id"]}}
    discounts = {"discounts": [{"coupon": coupon["id"]}], "expand": ["discounts"]}
    call("POST", f"/v1/subscriptions/{subscription['id']}", discounts)
    meter = call(
        "POST",
        "/v1/billing/meters",
        {
            "display_name": "Calls",
            "event_name": "calls",
            "default_aggregation": {"formula": "sum"},
        },
    )
    usage = {
        "event_name": "calls",
        "payload": {"stripe_customer_id": customer["id"], "value": "1"},
        "identifier": "one",
    }
    period = {"start_time": 1_789_999_980, "end_time": 1_790_000_040, "customer": customer["id"]}
    meter_event = call("POST", "/v1/billing/meter_events", usage)
    summaries = call("GET", f"/v1/billing/meters/{meter['id']}/event_summaries", period)
    adjustment = call(
        "POST",
        "/v1/billing/meter_event_adjustments",
        {"event_name": "calls", "type": "cancel", "cancel": {"identifier": "one"}},
    )
    endpoint = {"url": "https://example.com/hook", "enabled_events": ["*"]}
    call("POST", "/v1/webhook_endpoints", endpoint)
    fields = {"customer": customer["id"]}
    item = subscription["items"]["data"][0]
    change = {"items": [{"id": item["id"], "quantity": 2}], "proration_behavior": "always_invoice"}
    engine.clock.advance(86_400)
    call("POST", f"/v1/subscriptions/{subscription['id']}", change)
    schedule = call("POST", "/v1/subscription_schedules", {"from_subscription": subscription["id"]})
    balance = call(
        "POST",
        f"/v1/customers/{customer['id']}/balance_transactions",
        {"amount": -5, "currency": "usd"},
    )
    invoice = call("GET", f"/v1/invoices/{subscription['latest_invoice']}")
    event = call("GET", "/v1/events", {"type": "customer.subscription.created"})["data"][0]
    found = [
        call("GET", "/v1/account"),
        feature,
        product,
        link,
        price,
        customer,
        session,
        subscription,
        subscription["items"]["data"][0],
        subscription["items"]["data"][0]["plan"],
        invoice,
        invoice["lines"]["data"][0],
        call("GET", "/v1/invoiceitems", fields)["data"][0],
        call("GET", "/v1/invoice_payments", {"invoice": invoice["id"]})["data"][0],
        balance,
        schedule,
        call("POST", "/v1/test_helpers/test_clocks", {"frozen_time": 1_790_000_000}),
        call("GET", f"/v1/payment_methods/{subscription['default_payment_method']}"),
        active["data"][0],
        portal,
        event,
        intent,
        charge,
        refund,
        call("GET", f"/v1/balance_transactions/{charge['balance_transaction']}"),
        call("GET", "/v1/disputes")["data"][0],
        call("GET", f"/v1/checkout/sessions/{session['id']}/line_items")["data"][0],
        coupon,
        call("POST", "/v1/promotion_codes", promotion),
        engine.state.objects[
            call("GET", f"/v1/subscriptions/{subscription['id']}")["discounts"][0]
        ],
        meter,
        meter_event,
        summaries["data"][0],
        adjustment,
        call("GET", "/v1/webhook_endpoints")["data"][0],
        call("POST", "/v1/setup_intents", {"payment_method": "pm_card_visa", "confirm": True}),
    ]
    return {entry["object"]: entry for entry in found}


@pytest.mark.parametrize(
    "kind",
    [
        "account",
        "balance_transaction",
        "billing.meter",
        "billing.meter_event",
        "billing.meter_event_adjustment",
        "billing.meter_event_summary",
        "billing_portal.session",
        "charge",
        "checkout.session",
        "coupon",
        "customer",
        "discount",
        "dispute",
        "customer_balance_transaction",
        "entitlements.active_entitlement",
        "entitlements.feature",
        "event",
        "invoice",
        "item",
        "payment_intent",
        "invoice_payment",
        "invoiceitem",
        "line_item",
        "payment_method",
        "plan",
        "price",
        "product",
        "product_feature",
        "promotion_code",
        "refund",
        "setup_intent",
        "subscription",
        "subscription_item",
        "webhook_endpoint",
        "subscription_schedule",
        "test_helpers.test_clock",
    ],
)
def test_an_object_has_the_keys_and_types_of_stripes_example(objects, kind):
    example = json.loads(EXAMPLES.read_text())["resources"][kind]
    assert differences(objects[kind], example, at=kind) == []


def differences(ours, example, *, at):
    found = []
    extra = ours.keys() - example.keys() - NEWER.get(at.rpartition("/")[2], set())
    lacking = example.keys() - ours.keys() - REMOVED.get(at, set())
    found += [f"{at}.{key} is not in Stripe's example" for key in sorted(extra)]
    found += [f"{at}.{key} is missing" for key in sorted(lacking)]
    for key in sorted(ours.keys() & example.keys()):
        mine, theirs = ours[key], example[key]
        if mine is None or theirs is None or key in FREE:
            continue
        if type(mine) is not type(theirs):
            found.append(f"{at}.{key} is {type(mine).__name__}, not {type(theirs).__name__}")
        elif isinstance(mine, dict) and theirs:
            found += differences(mine, theirs, at=mine.get("object") or f"{at}.{key}")
    return found
