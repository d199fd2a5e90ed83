import pytest

from django_stripe_billing.sandbox import Engine, ManualClock

START = 1_790_000_000


@pytest.fixture
def engine():
    return Engine(clock=ManualClock(START))


@pytest.fixture
def shop(engine):
    """A product with the feature reports, a monthly price, and a customer with a good card."""
    return Shop(engine)


class Shop:
    def __init__(self, engine):
        self.engine = engine
        self.call = engine.call
        self.feature = self.call(
            "POST", "/v1/entitlements/features", {"name": "Reports", "lookup_key": "reports"}
        )
        self.product = self.call("POST", "/v1/products", {"name": "Pro"})
        self.call(
            "POST",
            f"/v1/products/{self.product['id']}/features",
            {"entitlement_feature": self.feature["id"]},
        )
        self.price = self.add_price(2000, "month")
        self.customer = self.call(
            "POST",
            "/v1/customers",
            {
                "email": "ada@example.com",
                "payment_method": "pm_card_visa",
                "invoice_settings": {"default_payment_method": "pm_card_visa"},
            },
        )

    def add_price(self, amount, interval, **values):
        return self.call(
            "POST",
            "/v1/prices",
            {
                "product": self.product["id"],
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": interval},
                **values,
            },
        )

    def subscribe(self, **values):
        return self.call(
            "POST",
            "/v1/subscriptions",
            {
                "customer": self.customer["id"],
                "items": [{"price": self.price["id"]}],
                **values,
            },
        )

    def checkout(self, **values):
        return self.call(
            "POST",
            "/v1/checkout/sessions",
            {
                "mode": "subscription",
                "customer": self.customer["id"],
                "line_items": [{"price": self.price["id"], "quantity": 1}],
                "success_url": "https://example.com/ok?id={CHECKOUT_SESSION_ID}",
                **values,
            },
        )

    def change(self, subscription, **values):
        return self.call("POST", f"/v1/subscriptions/{subscription['id']}", values)

    def use_card(self, card, customer=None):
        """Make a test card the customer's default."""
        customer = customer or self.customer
        path = f"/v1/payment_methods/{card}/attach"
        method = self.call("POST", path, {"customer": customer["id"]})
        return self.call(
            "POST",
            f"/v1/customers/{customer['id']}",
            {"invoice_settings": {"default_payment_method": method["id"]}},
        )

    def invoices(self, subscription):
        """Newest first."""
        params = {"subscription": subscription["id"], "limit": 100}
        return self.call("GET", "/v1/invoices", params)["data"]

    def read(self, subscription):
        return self.call("GET", f"/v1/subscriptions/{subscription['id']}")

    def advance(self, seconds):
        self.engine.clock.advance(seconds)
        self.engine.tick()

    def types(self):
        return [event["type"] for event in self.engine.events]

    def events(self, *types):
        """What happened when, of these types."""
        return [
            (event["type"], event["created"])
            for event in self.engine.events
            if not types or event["type"] in types
        ]
