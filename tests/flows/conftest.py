"""Each flow from the button on, its time moved by one of Stripe's test clocks."""

import pytest
from django.urls import reverse

from django_stripe_billing.models import Customer, EmailMessage
from tests.payments.conftest import OnceShop
from tests.renewals import clock, heard

__all__ = ["clock", "heard"]


@pytest.fixture
def shop(db, stripe_sandbox):
    return OnceShop(stripe_sandbox)


@pytest.fixture
def payer(shop, subscriber, clock):
    """The subscriber's customer, on the clock, with a good card."""
    return shop.bind(subscriber)


@pytest.fixture
def cardless(shop, subscriber, clock):
    """The subscriber's customer, on the clock, without a card."""
    made = shop.call("POST", "/v1/customers", {"test_clock": shop.test_clock})
    shop.sandbox.deliver()
    Customer.objects.filter(stripe_id=made["id"]).update(subscriber=subscriber)
    return Customer.objects.get(stripe_id=made["id"])


@pytest.fixture
def buy(shop, client, user):
    """Press the button, pay on Stripe's page, and let the webhooks arrive; the session."""
    client.force_login(user)

    def buy(price, *, payment_method="pm_card_visa", **fields):
        answer = client.post(reverse("stripe_billing:checkout"), {"price": price, **fields})
        assert answer.status_code == 303, answer.content.decode()
        session = shop.sandbox.pay(answer["Location"], payment_method=payment_method)
        assert shop.call("GET", f"/v1/customers/{session['customer']}")["test_clock"]
        assert set(shop.sandbox.deliver()) == {200}
        return session

    return buy


@pytest.fixture
def at_stripe(shop):
    """What the subscription of a session is at Stripe now."""
    return lambda session: shop.call("GET", f"/v1/subscriptions/{session['subscription']}")


@pytest.fixture
def mails():
    """The kinds of e-mail that were sent since it was last asked."""
    seen = set()

    def mails():
        sent = EmailMessage.objects.exclude(sent_at=None).order_by("pk")
        rows = [row for row in sent if row.pk not in seen]
        seen.update(row.pk for row in rows)
        return [row.kind for row in rows]

    return mails
