"""Refunds and disputes of what paid a subscription's invoice: told, and no access is changed."""

import random

import pytest

from django_stripe_billing.access import has_feature
from django_stripe_billing.models import Event, Invoice, Subscription
from django_stripe_billing.sandbox import Fault
from django_stripe_billing.sandbox.resources import disputes
from django_stripe_billing.webhooks import process_again

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def charge(shop, payer, heard):
    [charge] = shop.call("GET", "/v1/charges", {"customer": payer.stripe_id})["data"]
    heard.clear()
    return charge


@pytest.fixture
def dispute(shop, charge):
    engine = shop.sandbox.engine
    with engine.acting():
        return disputes.open_dispute(engine, engine.state.objects[charge["id"]])["id"]


def decide(shop, dispute_id, *, is_won):
    with shop.sandbox.engine.acting():
        disputes.decide(shop.sandbox.engine, dispute_id, is_won=is_won)


def refund(shop, charge, amount=None):
    params = {"charge": charge["id"], **({"amount": amount} if amount else {})}
    shop.call("POST", "/v1/refunds", params)


def told(heard, name):
    return [given for own, given in heard if own == name]


@pytest.mark.parametrize("seed", range(4))
def test_a_full_refund_is_told_once_and_access_goes_on(shop, charge, subscriber, heard, seed):
    refund(shop, charge)
    assert set(shop.sandbox.deliver(shuffle=random.Random(seed), copies=2)) == {200}
    [given] = told(heard, "invoice_refunded")
    assert given["subscription"] == Subscription.objects.get()
    assert (given["invoice"].amount_refunded, given["refunded_before"]) == (2000, 0)
    assert Invoice.objects.get().amount_refunded == 2000
    assert has_feature(subscriber, "reports")
    assert heard.of("payment_changed", "subscription_changed") == []


def test_each_part_is_told(shop, charge, heard):
    for amount in (500, 700):
        refund(shop, charge, amount)
        shop.sandbox.deliver()
    assert [given["refunded_before"] for given in told(heard, "invoice_refunded")] == [0, 500]
    assert Invoice.objects.get().amount_refunded == 1200


@pytest.mark.parametrize(("is_won", "end"), [(True, "won"), (False, "lost")])
def test_a_dispute_is_told_from_its_begin_to_its_end(
    shop, charge, dispute, subscriber, heard, is_won, end
):
    assert set(shop.sandbox.deliver(copies=2)) == {200}
    decide(shop, dispute, is_won=is_won)
    assert set(shop.sandbox.deliver(copies=2)) == {200}
    found = told(heard, "invoice_disputed")
    assert [given["status_before"] for given in found] == ["", "needs_response"]
    assert {given["subscription"] for given in found} == {Subscription.objects.get()}
    assert Invoice.objects.get().dispute_status == end
    assert has_feature(subscriber, "reports")


def test_an_invoice_that_is_not_stored_is_read_first(shop, payer, charge, heard):
    kept = Invoice.objects.get()
    Invoice.objects.create(
        stripe_id="in_other",
        customer=payer,
        status="paid",
        amount_paid=1,
        stripe_created_at=kept.stripe_created_at,
    )
    kept.delete()
    refund(shop, charge)
    assert set(shop.sandbox.deliver()) == {200}
    [given] = told(heard, "invoice_refunded")
    assert given["invoice"].stripe_id == kept.stripe_id


def test_an_invoice_without_a_subscription_names_none(shop, payer, charge, heard):
    item = {"customer": payer.stripe_id, "amount": 300, "currency": "usd"}
    shop.call("POST", "/v1/invoiceitems", item)
    invoice = shop.call(
        "POST",
        "/v1/invoices",
        {"customer": payer.stripe_id, "pending_invoice_items_behavior": "include"},
    )
    shop.call("POST", f"/v1/invoices/{invoice['id']}/pay")
    shop.sandbox.deliver()
    newest = shop.call("GET", "/v1/charges", {"customer": payer.stripe_id})["data"][0]
    refund(shop, newest)
    shop.sandbox.deliver()
    [given] = told(heard, "invoice_refunded")
    assert (given["invoice"].stripe_id, given["subscription"]) == (invoice["id"], None)


def test_money_of_no_invoice_is_nobodys(shop, payer, charge, heard):
    intent = shop.call(
        "POST",
        "/v1/payment_intents",
        {"amount": 100, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True},
    )
    shop.call("POST", "/v1/refunds", {"payment_intent": intent["id"]})
    shop.sandbox.deliver()
    assert set(Event.objects.filter(type__contains="refund").values_list("status", flat=True)) == {
        "ignored"
    }
    assert told(heard, "invoice_refunded") == []


def test_processing_again_tells_nothing_new(shop, charge, heard):
    refund(shop, charge)
    shop.sandbox.deliver()
    for event in Event.objects.filter(type__contains="refund"):
        process_again(event)
    assert len(told(heard, "invoice_refunded")) == 1


def test_stripe_that_does_not_answer_is_asked_with_the_next_delivery(shop, charge, heard):
    refund(shop, charge)
    fault = Fault(method="GET", path="/v1/invoice_payments", status=500)
    shop.sandbox.engine.faults.append(fault)
    statuses = shop.sandbox.deliver()
    assert statuses.count(500) == 1
    event = Event.objects.get(status="failed")
    process_again(event)
    assert len(told(heard, "invoice_refunded")) == 1
