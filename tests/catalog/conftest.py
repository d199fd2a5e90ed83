import pytest
from django.core.management import call_command

PLANS = """
[features.reports]
name = "Reports"

[features.seats]
name = "Seats"
combine = "sum"

[products.pro]
name = "Pro"
description = "For teams."
features = ["reports", "seats"]
limits.seats = "5 per unit"
grace_days = 4

[products.pro.prices.pro_monthly]
unit_amount = 2000
currency = "usd"
interval = "month"
quantity_max = 10

[products.pro.prices.pro_setup]
unit_amount = 500
currency = "usd"

[products.starter]
name = "Starter"
features = ["reports"]

[products.starter.prices.starter_monthly]
unit_amount = 900
currency = "usd"
interval = "month"
trial_days = 14
"""


class Plans:
    """A plans file, and what pushing it writes."""

    def __init__(self, path, sandbox):
        self.path = path
        self.sandbox = sandbox
        self.text = PLANS
        self.call = sandbox.call

    def change(self, old, new, count=1):
        assert self.text.count(old) >= count, old
        self.text = self.text.replace(old, new, count)

    def push(self, capsys, *options):
        """The lines that the command printed, and the writes that reached Stripe."""
        self.path.write_text(self.text)
        capsys.readouterr()
        before = len(self.sandbox.engine.requests)
        call_command("push_catalog", str(self.path), *options)
        made = self.sandbox.engine.requests[before:]
        return capsys.readouterr().out, [one for one in made if one[0] != "GET"]

    def at_stripe(self, path, **params):
        return self.call("GET", path, params)["data"]

    def price(self, lookup_key):
        [found] = self.at_stripe("/v1/prices", lookup_keys=[lookup_key])
        return found


@pytest.fixture
def plans(db, tmp_path, stripe_sandbox):
    return Plans(tmp_path / "plans.toml", stripe_sandbox)
