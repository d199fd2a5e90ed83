"""Checkouts and webhooks at the same moment."""

import threading
import time
from functools import partial

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.urls import reverse

from django_stripe_billing import checkout
from django_stripe_billing.models import CheckoutSession, Customer
from django_stripe_billing.stripe_api import CallableHTTPClient
from django_stripe_billing.webhooks import webhook_handler
from django_stripe_billing.webhooks.registry import unregister
from tests.threads import needs_threads, together

pytestmark = [needs_threads, pytest.mark.django_db(transaction=True)]


def test_a_webhook_that_is_just_making_the_customers_row_is_waited_for(
    shop, stripe_sandbox, subscriber, monkeypatch
):
    """customer.created is in its transaction when the checkout writes the new customer's id."""
    inner = stripe_sandbox.engine.handle
    is_inside = threading.Event()
    threads = []

    def linger(row):
        is_inside.set()
        time.sleep(0.5)

    def deliver():
        try:
            assert stripe_sandbox.deliver() == [200]
        finally:
            connections.close_all()

    def handle(method, path, body, headers):
        answer = inner(method, path, body, headers)
        if (method, path) == ("POST", "/v1/customers"):
            threads.append(threading.Thread(target=deliver))
            threads[-1].start()
            assert is_inside.wait(10)
        return answer

    monkeypatch.setitem(settings.STRIPE_BILLING, "HTTP_CLIENT", CallableHTTPClient(handle))
    webhook_handler("customer.created")(linger)
    try:
        bound = checkout.bind_customer(subscriber)
    finally:
        unregister(linger)
        for thread in threads:
            thread.join()
    assert Customer.objects.get() == bound
    assert bound.subscriber == subscriber
    assert bound.stripe_id.startswith("cus_")


def test_four_tabs_make_one_customer_and_one_session(shop, stripe_sandbox, user):
    def click():
        client = Client()
        client.force_login(user)
        answer = client.post(reverse("stripe_billing:checkout"), {"price": "pro_monthly"})
        return answer.status_code, answer.get("Location", answer.content)

    for _round in range(5):
        answers = together(*[partial(click)] * 4)
        assert {status for status, _ in answers} == {303}
        assert len({location for _, location in answers}) == 1
        assert len(shop.call("GET", "/v1/customers")["data"]) == 1
        assert Customer.objects.count() == 1
        [row] = CheckoutSession.objects.filter(open_for__isnull=False)
        CheckoutSession.objects.all().delete()
        shop.call("POST", f"/v1/checkout/sessions/{row.stripe_id}/expire")
