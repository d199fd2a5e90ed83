"""One receipt for each one-off payment, when it is paid, whichever way that is found out."""

import random

import pytest
from django.core import mail

from django_stripe_billing.models import CheckoutSession, EmailMessage, Payment
from django_stripe_billing.reconcile import reconcile
from tests.payments.conftest import (
    FAILS,
    SUCCEEDS,
    buy,
    come_back,
    post,
    shop,
    signed_in,
)

__all__ = ["buy", "come_back", "post", "shop", "signed_in"]
pytestmark = pytest.mark.django_db(transaction=True)

BOOK = "Your payment of €100.00 for Book"


def subjects():
    return [message.subject for message in mail.outbox]


def test_a_payment_sends_one_receipt(stripe_sandbox, buy, come_back):
    session = buy(quantity=2)
    assert subjects() == []
    for _ in range(2):
        assert come_back(session["id"]) == "active"
    stripe_sandbox.deliver(copies=2, shuffle=random.Random(1))
    assert subjects() == [BOOK]
    [message] = mail.outbox
    assert message.to == ["ada@example.com"]
    assert "It is for Book." in message.body
    row = EmailMessage.objects.get()
    assert (row.kind, row.key, row.payment) == ("receipt", session["id"], Payment.objects.get())


def test_a_debit_sends_it_when_the_bank_has_paid(shop, stripe_sandbox, buy):
    buy(quantity=2, payment_method=shop.sepa(SUCCEEDS))
    stripe_sandbox.deliver()
    assert subjects() == []
    stripe_sandbox.advance(5)
    stripe_sandbox.deliver()
    assert subjects() == [BOOK]


def test_a_debit_that_is_refused_sends_none(shop, stripe_sandbox, buy):
    buy(payment_method=shop.sepa(FAILS))
    stripe_sandbox.deliver()
    stripe_sandbox.advance(5)
    stripe_sandbox.deliver()
    assert Payment.objects.get().status == "failed"
    assert subjects() == []


def test_a_refund_and_a_won_dispute_send_no_second_one(shop, stripe_sandbox, buy):
    session = buy(quantity=2)
    stripe_sandbox.deliver()
    shop.refund(session, 100)
    dispute = shop.dispute(session)
    stripe_sandbox.deliver()
    shop.decide(dispute, is_won=True)
    stripe_sandbox.deliver()
    assert subjects() == [BOOK]


def test_it_can_be_switched_off(stripe_sandbox, buy, settings):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "EMAILS": {"receipt": False}}
    buy()
    stripe_sandbox.deliver()
    assert Payment.objects.get().status == "paid"
    assert not EmailMessage.objects.exists()


def test_nothing_to_pay_is_no_payment(shop, stripe_sandbox, buy):
    shop.add_once(shop.ticket, 0, "gift")
    shop.sync()
    buy("gift")
    stripe_sandbox.deliver()
    assert Payment.objects.get().status == "paid"
    assert subjects() == []


def test_what_is_on_an_invoice_has_its_receipt_from_that(shop, stripe_sandbox, subscriber):
    session = shop.call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "payment",
            "customer": shop.bind(subscriber).stripe_id,
            "line_items": [{"price": shop.book_once["id"], "quantity": 2}],
            "success_url": "https://shop.example/",
            "invoice_creation": {"enabled": True},
        },
    )
    stripe_sandbox.pay(session["url"])
    stripe_sandbox.deliver(copies=2)
    assert Payment.objects.get().status == "paid"
    assert subjects() == [BOOK]
    assert EmailMessage.objects.get().invoice is not None


def test_a_purchase_whose_events_were_lost_has_its_receipt_from_reconcile(stripe_sandbox, buy):
    buy(quantity=2)
    stripe_sandbox.drop()
    stripe_sandbox.advance(100)
    reconcile()
    assert subjects() == []
    for _ in range(2):
        reconcile(apply=True)
    assert subjects() == [BOOK]


def test_a_purchase_of_former_times_is_found_in_silence(stripe_sandbox, buy):
    buy()
    stripe_sandbox.drop()
    stripe_sandbox.advance(100)
    CheckoutSession.objects.all().delete()  # it was not opened here
    reconcile(apply=True)
    assert Payment.objects.get().status == "paid"
    assert subjects() == []


def test_a_receipt_of_what_rolls_back_is_not_sent(stripe_sandbox, buy, monkeypatch):
    buy(quantity=2)
    with monkeypatch.context() as broken:
        broken.setattr("django_stripe_billing.sync.payments.write_payment_grants", _fail)
        stripe_sandbox.deliver()
    assert subjects() == []
    assert not EmailMessage.objects.exists()
    stripe_sandbox.deliver()
    assert subjects() == [BOOK]


def _fail(*_args, **_named):
    raise RuntimeError("The disk is full.")
