"""A paying customer on one clock, for tests of renewals: import the fixtures into a conftest."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from tests.heard import listening
from tests.shop import DAY

HOUR = 3_600


@pytest.fixture
def heard():
    """The signals that were sent, in order: (name, arguments)."""
    with listening() as found:
        yield found


class Time:
    """One clock for Stripe and for us; `advance` delivers what happened meanwhile."""

    def __init__(self, sandbox):
        self.sandbox = sandbox

    @property
    def now(self):
        return self.sandbox.engine.clock.now()

    def advance(self, days=0.0, *, hours=0.0, delivers=True):
        self.sandbox.advance(days * DAY + hours * HOUR)
        if delivers:
            assert set(self.sandbox.deliver()) <= {200}

    def to_renewal(self, subscription, **how):
        """To two hours after the end of the running period."""
        found = self.sandbox.call("GET", f"/v1/subscriptions/{subscription['id']}")
        end = max(item["current_period_end"] for item in found["items"]["data"])
        self.sandbox.advance(end - self.now + 2 * HOUR)
        if how.get("delivers", True):
            assert set(self.sandbox.deliver()) <= {200}


@pytest.fixture
def clock(shop, monkeypatch, settings):
    settings.SESSION_COOKIE_AGE = 3 * 365 * DAY  # who is signed in stays so
    found = Time(shop.sandbox)
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(found.now, UTC))
    return found


@pytest.fixture
def payer(shop, subscriber, clock):
    """A subscriber's customer with a good card, and a monthly subscription."""
    customer = shop.bind(subscriber)
    customer.subscription = shop.subscribe(customer)
    shop.sandbox.deliver()
    return customer


@pytest.fixture
def break_card(shop, payer):
    """From now on every charge is declined, or asks for 3-D Secure."""

    def use(name="pm_card_chargeCustomerFail"):
        method = shop.call(
            "POST", f"/v1/payment_methods/{name}/attach", {"customer": payer.stripe_id}
        )
        shop.call(
            "POST",
            f"/v1/customers/{payer.stripe_id}",
            {"invoice_settings": {"default_payment_method": method["id"]}},
        )
        shop.sandbox.deliver()

    return use
