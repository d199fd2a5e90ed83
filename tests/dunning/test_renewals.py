"""Renewals that fail, on Stripe's clock: grace, retries, its end by the clock, the recovery."""

import random

import pytest
from django.core.management import call_command

from django_stripe_billing.access import dunning_of, has_feature
from django_stripe_billing.dunning import retry_payment
from django_stripe_billing.exceptions import (
    ActionRequiredError,
    NothingToPayError,
    PaymentDeclinedError,
    StripeUnavailableError,
)
from django_stripe_billing.models import Entitlement, Event, Invoice, Subscription
from django_stripe_billing.sandbox.faults import Fault

pytestmark = pytest.mark.django_db(transaction=True)


def status():
    return Subscription.objects.get().status


def test_a_failed_renewal_keeps_access_in_grace_ends_by_the_clock_and_comes_back_when_paid(
    shop, payer, subscriber, clock, break_card, heard
):
    shop.sandbox.engine.end_of_dunning = "past_due"
    assert has_feature(subscriber, "reports")
    assert dunning_of(subscriber) is None
    break_card()
    clock.to_renewal(payer.subscription)
    assert status() == "past_due"
    assert has_feature(subscriber, "reports")
    invoice = Invoice.objects.unpaid().get()
    found = dunning_of(subscriber)
    assert (found.invoice_id, found.attempt, found.amount, found.currency) == (
        invoice.stripe_id,
        1,
        2000,
        "usd",
    )
    assert found.pay_url == invoice.hosted_invoice_url
    assert found.next_attempt_at == invoice.next_payment_attempt_at
    assert found.has_access
    assert (found.access_ends_at - invoice.stripe_created_at).days == 7
    assert sorted(heard.of("payment_failed", "dunning_started", "access_ending")) == [
        "access_ending",
        "dunning_started",
        "payment_failed",
    ]
    clock.advance(days=4)
    assert dunning_of(subscriber).attempt == 2
    assert has_feature(subscriber, "reports")
    clock.advance(days=4, delivers=False)  # no webhook is needed for access to end
    assert not has_feature(subscriber, "reports")
    assert not dunning_of(subscriber).has_access
    shop.sandbox.deliver()
    break_card("pm_card_visa")
    shop.call("POST", f"/v1/invoices/{invoice.stripe_id}/pay")
    assert not has_feature(subscriber, "reports")
    shop.sandbox.deliver()
    assert has_feature(subscriber, "reports")
    assert dunning_of(subscriber) is None
    assert heard.of("dunning_started", "dunning_recovered") == [
        "dunning_started",
        "dunning_recovered",
    ]
    assert heard.names.count("invoice_paid") == 1


@pytest.mark.parametrize("end", ["cancel", "unpaid", "pause"])
def test_when_stripe_gives_up_nothing_is_granted(
    shop, payer, subscriber, clock, break_card, heard, end
):
    shop.sandbox.engine.end_of_dunning = end
    break_card()
    clock.to_renewal(payer.subscription)
    clock.advance(days=16)
    expected = {"cancel": "canceled", "unpaid": "unpaid", "pause": "paused"}[end]
    assert status() == expected
    assert not Entitlement.objects.exists()
    assert "dunning_recovered" not in heard.names
    assert ("subscription_ended" in heard.names) is (end == "cancel")


def test_an_unpaid_subscription_comes_back_when_it_is_paid(
    shop, payer, subscriber, clock, break_card, heard
):
    shop.sandbox.engine.end_of_dunning = "unpaid"
    break_card()
    clock.to_renewal(payer.subscription)
    clock.advance(days=16)
    assert dunning_of(subscriber).status == "unpaid"
    assert dunning_of(subscriber).access_ends_at is None
    break_card("pm_card_visa")
    assert retry_payment(subscriber).status == "paid"
    assert has_feature(subscriber, "reports")
    shop.sandbox.deliver()
    assert heard.of("dunning_started", "dunning_recovered") == [
        "dunning_started",
        "dunning_recovered",
    ]


def test_three_d_secure_at_a_renewal(shop, payer, subscriber, clock, break_card, heard):
    break_card("pm_card_authenticationRequired")
    clock.to_renewal(payer.subscription)
    assert "payment_action_required" in heard.names
    found = dunning_of(subscriber)
    assert found.needs_action
    with pytest.raises(ActionRequiredError) as refusal:
        retry_payment(subscriber)
    assert refusal.value.hosted_url == found.pay_url


@pytest.mark.parametrize("way", ["void", "mark_uncollectible"])
def test_an_invoice_that_is_given_up_by_the_shop_ends_the_trouble(
    shop, payer, subscriber, clock, break_card, way
):
    break_card()
    clock.to_renewal(payer.subscription)
    invoice = Invoice.objects.unpaid().get()
    shop.call("POST", f"/v1/invoices/{invoice.stripe_id}/{way}")
    shop.sandbox.deliver()
    assert not Invoice.objects.unpaid().exists()
    assert status() == "active"
    assert dunning_of(subscriber) is None


def test_an_invoice_that_is_sent_has_its_grace_from_its_due_date(shop, subscriber, clock, heard):
    customer = shop.bind(subscriber)
    subscription = shop.subscribe(customer, collection_method="send_invoice", days_until_due=10)
    shop.sandbox.deliver()
    clock.advance(hours=2)
    shop.call("POST", f"/v1/invoices/{subscription['latest_invoice']}/pay")
    shop.sandbox.deliver()
    clock.to_renewal(subscription)
    assert status() == "active"
    clock.advance(days=11)
    assert status() == "past_due"
    assert has_feature(subscriber, "reports")
    clock.advance(days=5)
    assert has_feature(subscriber, "reports")
    clock.advance(days=2)
    assert not has_feature(subscriber, "reports")


def test_retrying_pays_the_oldest_invoice_and_restores_access_before_any_webhook(
    shop, payer, subscriber, clock, break_card
):
    shop.sandbox.engine.end_of_dunning = "past_due"
    break_card()
    clock.to_renewal(payer.subscription)
    clock.advance(days=8)
    assert not has_feature(subscriber, "reports")
    with pytest.raises(PaymentDeclinedError):
        retry_payment(subscriber)
    break_card("pm_card_visa")
    paid = retry_payment(subscriber)  # under a key of its own: the refusal is not repeated
    assert (paid.status, paid.amount_remaining) == ("paid", 0)
    assert has_feature(subscriber, "reports")
    with pytest.raises(NothingToPayError):
        retry_payment(subscriber)
    assert set(shop.sandbox.deliver()) == {200}
    assert has_feature(subscriber, "reports")


def test_a_retry_whose_answer_got_lost_pays_once(shop, payer, subscriber, clock, break_card, heard):
    break_card()
    clock.to_renewal(payer.subscription)
    break_card("pm_card_visa")
    invoice = Invoice.objects.unpaid().get()
    path = f"/v1/invoices/{invoice.stripe_id}/pay"
    shop.sandbox.engine.faults.append(Fault(method="POST", path=path, status=0, is_after=True))
    with pytest.raises(StripeUnavailableError):
        retry_payment(subscriber)
    assert retry_payment(subscriber).status == "paid"
    shop.sandbox.deliver()
    charges = shop.call("GET", "/v1/charges", {"customer": payer.stripe_id})["data"]
    assert len([charge for charge in charges if charge["paid"]]) == 2  # the first, and this one
    assert heard.names.count("invoice_paid") == 1


def test_an_invoice_that_was_paid_meanwhile_is_no_error(shop, payer, subscriber, clock, break_card):
    break_card()
    clock.to_renewal(payer.subscription)
    break_card("pm_card_visa")
    shop.call("POST", f"/v1/invoices/{Invoice.objects.unpaid().get().stripe_id}/pay")
    shop.sandbox.drop()
    assert retry_payment(subscriber).status == "paid"
    assert dunning_of(subscriber) is None


def test_what_an_ended_subscription_owed_is_not_charged(shop, payer, subscriber, clock, break_card):
    break_card()
    clock.to_renewal(payer.subscription)
    clock.advance(days=20)
    assert status() == "canceled"
    old = Invoice.objects.unpaid().get()
    break_card("pm_card_visa")
    with pytest.raises(NothingToPayError):
        retry_payment(subscriber)
    later = shop.subscribe(payer, shop.starter_monthly)
    shop.sandbox.deliver()
    break_card()
    clock.to_renewal(later)
    shown = dunning_of(subscriber)
    assert (shown.subscription_id, shown.amount) == (later["id"], 900)
    break_card("pm_card_visa")
    paid = retry_payment(subscriber)
    assert (paid.stripe_id, paid.amount_paid) == (shown.invoice_id, shown.amount)
    assert dunning_of(subscriber) is None
    old.refresh_from_db()
    assert old.status == "open"


def test_of_two_troubled_subscriptions_the_one_that_is_shown_is_paid(
    shop, payer, subscriber, clock, break_card
):
    other = shop.subscribe(payer, shop.starter_monthly)
    shop.sandbox.deliver()
    break_card()
    clock.to_renewal(other)
    break_card("pm_card_visa")
    paid = []
    while shown := dunning_of(subscriber):
        invoice = retry_payment(subscriber)
        assert (invoice.stripe_id, invoice.amount_paid) == (shown.invoice_id, shown.amount)
        paid.append(invoice.amount_paid)
    assert sorted(paid) == [900, 2000]


def test_an_invoice_that_is_sent_may_be_paid_before_it_is_late(shop, subscriber, clock):
    customer = shop.bind(subscriber)
    shop.subscribe(customer, collection_method="send_invoice", days_until_due=10)
    shop.sandbox.deliver()
    clock.advance(hours=2)
    assert dunning_of(subscriber) is None
    assert retry_payment(subscriber).status == "paid"


def test_somebody_elses_invoice_is_not_paid(
    shop, payer, subscriber, other_subscriber, clock, break_card
):
    break_card()
    clock.to_renewal(payer.subscription)
    assert dunning_of(other_subscriber) is None
    with pytest.raises(NothingToPayError):
        retry_payment(other_subscriber)


@pytest.mark.parametrize("seed", range(5))
def test_events_shuffled_and_repeated_end_the_same(
    shop, payer, subscriber, clock, break_card, heard, seed
):
    shop.sandbox.engine.end_of_dunning = "past_due"
    break_card()
    clock.to_renewal(payer.subscription, delivers=False)
    clock.advance(days=4, delivers=False)
    clock.advance(days=6, delivers=False)
    statuses = shop.sandbox.deliver(shuffle=random.Random(seed), copies=2)
    assert set(statuses) == {200}
    assert status() == "past_due"
    found = dunning_of(subscriber)
    assert found.attempt == 4  # the first, and after 3, 5 and 7 days
    invoice = Invoice.objects.unpaid().get()
    assert (found.access_ends_at - invoice.stripe_created_at).days == 7
    assert heard.names.count("dunning_started") == 1
    assert heard.names.count("payment_failed") <= 4


def test_lost_events_are_made_up_for_by_reconcile(shop, payer, subscriber, clock, break_card):
    one = ["--customer", payer.stripe_id]  # Stripe's lists hide who is on a test clock
    shop.sandbox.engine.end_of_dunning = "past_due"
    break_card()
    clock.to_renewal(payer.subscription, delivers=False)
    clock.advance(days=4, delivers=False)
    shop.sandbox.drop()
    call_command("reconcile_entitlements", "--apply", *one, verbosity=0)
    found = dunning_of(subscriber)
    assert (found.status, found.attempt) == ("past_due", 2)
    invoice = Invoice.objects.unpaid().get()
    assert (found.access_ends_at - invoice.stripe_created_at).days == 7
    call_command("reconcile_entitlements", *one, verbosity=0)
    break_card("pm_card_visa")
    shop.call("POST", f"/v1/invoices/{invoice.stripe_id}/pay")
    shop.sandbox.drop()
    call_command("reconcile_entitlements", "--apply", *one, verbosity=0)
    assert dunning_of(subscriber) is None
    assert has_feature(subscriber, "reports")
    invoice.refresh_from_db()
    assert invoice.status == "paid"
    call_command("reconcile_entitlements", *one, verbosity=0)


def test_every_event_of_the_story_was_processed(shop, payer, subscriber, clock, break_card):
    break_card()
    clock.to_renewal(payer.subscription)
    clock.advance(days=16)
    assert not Event.objects.filter(status=Event.Status.FAILED).exists()
    assert not shop.sandbox.pending
