"""What people do at Stripe: one customer's life, and the seller's changes to the catalog."""

from django_stripe_billing.sandbox import SandboxError

DAY = 86_400
STEPS = (0.0005, 0.01, 0.1, 0.3, 0.6, 1.1, 3)
"""Seconds between two changes, at most twice: often several fall into one of Stripe's seconds."""


class Catalog:
    """Two products that share two features, with prices and terms that the seller changes."""

    def __init__(self, world):
        self.world = world
        self.call = world.engine.call
        self.features = [
            self.call("POST", "/v1/entitlements/features", {"name": key, "lookup_key": key})["id"]
            for key in ("reports", "seats")
        ]
        self.products = [self._product("Pro", "5 per unit"), self._product("Starter", "3")]
        self.prices = [
            self._price(product, amount, interval)
            for product in self.products
            for amount, interval in ((2000, "month"), (700, "week"))
        ]

    def _product(self, name, limit):
        metadata = {"limit:seats": limit}
        product = self.call("POST", "/v1/products", {"name": name, "metadata": metadata})["id"]
        for feature in self.features:
            path = f"/v1/products/{product}/features"
            self.call("POST", path, {"entitlement_feature": feature})
        return product

    def _price(self, product, amount, interval):
        return self.call(
            "POST",
            "/v1/prices",
            {
                "product": product,
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": interval},
                "lookup_key": f"key_{product}_{interval}",
            },
        )["id"]

    def begin(self):
        moment = self.world.moment
        for _ in range(self.world.random.randint(0, 4)):
            moment += self.world.some(*STEPS) * 2
            self.world.at(moment, self.change)

    def change(self):
        random = self.world.random
        product = f"/v1/products/{random.choice(self.products)}"
        price = f"/v1/prices/{random.choice(self.prices)}"
        number = random.randint(1, 9)
        changes = [
            (product, {"name": f"Name {number}"}),
            (product, {"metadata": {"limit:seats": f"{number}"}}),
            (product, {"metadata": {"limit:seats": f"{number} per unit"}}),
            (product, {"metadata": {"limit:seats": ""}}),
            (product, {"metadata": {"grace_days": f"{number}"}}),
            (product, {"active": number > 3}),
            (price, {"nickname": f"Nickname {number}"}),
            (price, {"active": number > 3}),
            (price, {"lookup_key": f"key_{number}", "transfer_lookup_key": True}),
        ]
        path, params = random.choice(changes)
        _try(self.call, "POST", path, params)


class Story:
    """One customer: buys, changes their mind, is charged, leaves."""

    def __init__(self, world, catalog):
        self.world, self.catalog = world, catalog
        self.call = world.engine.call
        self.customer = ""
        self.subscriptions = []

    def begin(self):
        moment = self.world.moment + self.world.some(0.1, 2)
        self.world.at(moment, self.arrive)
        acts = [self.buy] + [self.change] * self.world.random.randint(2, 9)
        if self.world.random.random() < 0.25:
            acts.append(self.leave)
        for act in acts:
            moment += self.world.some(*STEPS) * 2
            if self.world.random.random() < 0.05:
                moment += self.world.random.choice([1, 2, 8, 31]) * DAY
            self.world.at(moment, act)
            if self.world.random.random() < 0.06:
                self.world.at(moment + self.world.some(0.5, 2), self.world.read_page)

    def arrive(self):
        card = self.world.random.choice(["pm_card_visa"] * 3 + ["pm_card_chargeCustomerFail"])
        made = self.call(
            "POST",
            "/v1/customers",
            {"payment_method": card, "invoice_settings": {"default_payment_method": card}},
        )
        self.customer = made["id"]

    def buy(self):
        random = self.world.random
        prices = random.sample(self.catalog.prices, random.choice([1, 1, 1, 2]))
        params = {
            "customer": self.customer,
            "items": [{"price": price, "quantity": random.randint(1, 3)} for price in prices],
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
        if random.random() < 0.3:
            params["trial_period_days"] = random.choice([1, 3, 14])
        bought = _try(self.call, "POST", "/v1/subscriptions", params)
        if bought:
            self.subscriptions.append(bought["id"])
            if random.random() < 0.3:
                late = self.world.some(0.1, 2)
                self.world.at(self.world.moment + late, self.world.come_back, bought["id"])

    def change(self):
        random = self.world.random
        if not self.subscriptions or random.random() < 0.05:
            self.buy()
            return
        path = f"/v1/subscriptions/{random.choice(self.subscriptions)}"
        customer = f"/v1/customers/{self.customer}"
        items = self.call("GET", path)["items"]["data"]
        item = random.choice(items)["id"]
        number = random.randint(1, 9)
        soon = int(self.world.moment) + random.choice([1, 5, DAY])
        fix = {"invoice_settings": {"default_payment_method": self._card("pm_card_visa")}}
        likely = [
            {"items": [{"id": item, "quantity": number}]},
            {"items": [{"id": item, "quantity": number + 1}]},
            {"items": [{"id": item, "price": self._price()}]},
            {"cancel_at_period_end": number > 4},
            {"cancel_at": soon if number > 4 else ""},
        ]
        seldom = [
            {"items": [{"id": item, "quantity": 0}]},
            {"items": [{"price": self._price()}]},
            {"items": [{"id": item, "deleted": True}]},
            {"trial_end": "now"},
            {"trial_end": soon},
            {"billing_cycle_anchor": {"type": "now"}},
            {"metadata": {"note": f"{number}"}},
        ]
        wishes = [
            *((path, params) for params in likely * 3 + seldom),
            (f"{path}/pause", {"type": "subscription"}),
            (f"{path}/resume", {}),
            (customer, {"email": f"ada{number}@example.com"}),
            (customer, fix),
        ]
        _try(self.call, "POST", *random.choice(wishes))

    def leave(self):
        random = self.world.random
        paths = [f"/v1/subscriptions/{one}" for one in self.subscriptions]
        path = random.choice([*paths, f"/v1/customers/{self.customer}"])
        _try(self.call, "DELETE", path, {})

    def _price(self):
        return self.world.random.choice(self.catalog.prices)

    def _card(self, name):
        attached = _try(
            self.call, "POST", f"/v1/payment_methods/{name}/attach", {"customer": self.customer}
        )
        return attached["id"] if attached else name


def _try(call, *arguments):
    """Some wishes are not granted, as in life."""
    try:
        return call(*arguments)
    except SandboxError:
        return None
