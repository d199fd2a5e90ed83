"""A catalog at the sandbox, mirrored here, and what is done with it."""

from django.core.management import call_command

from django_stripe_billing.models import Customer

DAY = 86_400


class Shop:
    """`pro` has reports and 5 seats a unit, `starter` has reports and 3 seats."""

    test_clock = ""
    """The test clock on which customers are made; empty: on none."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.call = sandbox.call
        self.features = {
            key: self.call(
                "POST", "/v1/entitlements/features", {"name": key.title(), "lookup_key": key}
            )
            for key in ("reports", "seats", "export")
        }
        self.pro = self.add_product("Pro", ["reports", "seats"], **{"limit:seats": "5 per unit"})
        self.starter = self.add_product("Starter", ["reports", "seats"], **{"limit:seats": "3"})
        self.pro_monthly = self.add_price(
            self.pro, 2000, "pro_monthly", quantity_min="1", quantity_max="10"
        )
        self.starter_monthly = self.add_price(self.starter, 900, "starter_monthly", trial_days="14")
        self.sync()
        sandbox.deliver()

    def sync(self):
        call_command("sync_catalog", verbosity=0)

    def add_product(self, name, features, **metadata):
        product = self.call("POST", "/v1/products", {"name": name, "metadata": metadata})
        for key in features:
            self.call(
                "POST",
                f"/v1/products/{product['id']}/features",
                {"entitlement_feature": self.features[key]["id"]},
            )
        return product

    def add_price(self, product, amount, key, **metadata):
        return self.call(
            "POST",
            "/v1/prices",
            {
                "product": product["id"],
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": "month"},
                "lookup_key": key,
                "metadata": metadata,
            },
        )

    def add_customer(self, **values):
        """A customer with a good card, made in Stripe."""
        return self.call(
            "POST",
            "/v1/customers",
            {
                "payment_method": "pm_card_visa",
                "invoice_settings": {"default_payment_method": "pm_card_visa"},
                **({"test_clock": self.test_clock} if self.test_clock else {}),
                **values,
            },
        )

    def bind(self, subscriber):
        """Bind a subscriber to a customer with a good card."""
        made = self.add_customer()
        self.sandbox.deliver()
        Customer.objects.filter(stripe_id=made["id"]).update(subscriber=subscriber)
        return Customer.objects.get(stripe_id=made["id"])

    def subscribe(self, customer, price=None, **values):
        """Subscribe a bound customer, in Stripe."""
        return self.call(
            "POST",
            "/v1/subscriptions",
            {
                "customer": customer.stripe_id,
                "items": [{"price": (price or self.pro_monthly)["id"]}],
                **values,
            },
        )
