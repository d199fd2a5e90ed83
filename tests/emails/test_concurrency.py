"""E-mails and signals under deliveries of the same moment."""

from functools import partial

import pytest
from django.core import mail

from django_stripe_billing.emails import send_email
from django_stripe_billing.models import EmailMessage, Event, Invoice
from tests.payloads import NOW, event, invoice, paid, subscription
from tests.threads import needs_threads, together
from tests.webhooks.test_view import post

pytestmark = [needs_threads, pytest.mark.django_db(transaction=True)]

ROUNDS = 10


def status_of(payload):
    return post(payload).status_code


def test_twin_events_of_one_moment_send_one_email_and_one_signal(
    catalog, customer, stripe_answers, heard
):
    status_of(event("customer.subscription.created", subscription(), created=NOW - 9))
    for number in range(ROUNDS):
        failed = invoice(f"in_{number}")
        settled = paid(failed)
        payloads = [
            event("invoice.payment_failed", failed),
            event("invoice.payment_failed", failed),
            event("invoice.paid", settled, created=NOW + 1),
            event("invoice.payment_succeeded", settled, created=NOW + 1),
        ]
        assert together(*(partial(status_of, payload) for payload in payloads)) == [200] * 4
        assert Invoice.objects.get(stripe_id=f"in_{number}").status == "paid"
    assert heard.names.count("invoice_paid") == ROUNDS
    assert EmailMessage.objects.filter(kind="receipt").count() == ROUNDS
    assert heard.names.count("payment_failed") <= ROUNDS
    assert len(mail.outbox) == EmailMessage.objects.filter(status="sent").count()
    assert not Event.objects.filter(status=Event.Status.FAILED).exists()


def test_copies_of_one_event_send_one_email(catalog, customer, stripe_answers):
    for number in range(ROUNDS):
        payload = event("invoice.paid", paid(invoice(f"in_{number}", subscription=None)))
        assert together(*[partial(status_of, payload)] * 5) == [200] * 5
    assert len(mail.outbox) == ROUNDS


def test_two_who_send_one_email_send_it_once(customer):
    for number in range(ROUNDS):
        row = EmailMessage.objects.create(
            kind="receipt",
            key=f"in_{number}",
            customer=customer,
            facts={"amount": 100, "currency": "usd"},
        )
        together(*[partial(send_email, row.pk)] * 4)
    assert len(mail.outbox) == ROUNDS
