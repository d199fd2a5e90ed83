"""A paying customer on one of Stripe's test clocks, for tests of renewals.

Import the fixtures into a conftest.
"""

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
    """A test clock at Stripe, on which `shop` makes its customers, and our clock with it.

    What hangs on no test clock keeps the sandbox's own time, as at Stripe.
    https://docs.stripe.com/billing/testing/test-clocks
    """

    LONGEST_DAYS = 56
    """A clock is advanced by at most two intervals of its shortest subscription, here a month."""

    def __init__(self, shop, sandbox):
        self._shop, self.sandbox = shop, sandbox
        path = "/v1/test_helpers/test_clocks"
        self.now = sandbox.engine.now
        shop.test_clock = shop.call("POST", path, {"frozen_time": self.now})["id"]
        self._path = f"{path}/{shop.test_clock}"

    def advance(self, days=0.0, *, hours=0.0, delivers=True):
        """Let time pass at Stripe and here; `delivers` what happened meanwhile."""
        self.to(self.now + days * DAY + hours * HOUR, delivers=delivers)

    def to(self, moment, *, delivers=True):
        """Until a moment, in Unix seconds."""
        while self.now < int(moment):
            step = min(int(moment), self.now + self.LONGEST_DAYS * DAY)
            moving = self._shop.call("POST", f"{self._path}/advance", {"frozen_time": step})
            assert moving["status"] == "advancing"
            ready = self._shop.call("GET", self._path)
            assert (ready["status"], ready["frozen_time"]) == ("ready", step)
            self.now = step
        if delivers:
            assert set(self.sandbox.deliver()) <= {200}

    def to_renewal(self, subscription, *, delivers=True):
        """To two hours after the end of the running period."""
        found = self._shop.call("GET", f"/v1/subscriptions/{subscription['id']}")
        end = max(item["current_period_end"] for item in found["items"]["data"])
        self.to(end + 2 * HOUR, delivers=delivers)


@pytest.fixture
def clock(shop, stripe_sandbox, monkeypatch, settings):
    settings.SESSION_COOKIE_AGE = 3 * 365 * DAY  # who is signed in stays so
    found = Time(shop, stripe_sandbox)
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
