import pytest
from django.utils import timezone

from tests.shop import DAY, Shop

from .life import Life, SharedClock, TestClock


class YearlyShop(Shop):
    """`starter_yearly` with a trial, `pro_yearly` by the seat, and `book`, bought once for good."""

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.add_yearly(self.starter, 9_000, "starter_yearly", trial_days="14")
        self.add_yearly(self.pro, 20_000, "pro_yearly", quantity_max="10")
        once = {"currency": "usd", "unit_amount": 4_900, "lookup_key": "book"}
        book = self.add_product("Book", ["export"])
        self.call("POST", "/v1/prices", {"product": book["id"], **once})
        self.sync()
        sandbox.deliver()

    def add_yearly(self, product, amount, key, **metadata):
        self.call(
            "POST",
            "/v1/prices",
            {
                "product": product["id"],
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": "year"},
                "lookup_key": key,
                "metadata": metadata,
            },
        )


@pytest.fixture
def shop(db, stripe_sandbox):
    return YearlyShop(stripe_sandbox)


@pytest.fixture(params=["everybody's clock", "a test clock"])
def life(shop, subscriber, user, client, settings, monkeypatch, request):
    """Ada's, who is signed in for all those years."""
    settings.SESSION_COOKIE_AGE = 10 * 365 * DAY
    if request.param == "a test clock":
        clock = TestClock(shop, subscriber)
    else:
        clock = SharedClock(shop.sandbox)
    found = Life(shop, subscriber, client, clock)
    monkeypatch.setattr(timezone, "now", lambda: found.now)
    client.force_login(user)
    return found
