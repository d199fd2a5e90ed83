import pytest

from django_stripe_billing.models import Subscription
from django_stripe_billing.subscriptions import change_quantity

DAY = 86_400


@pytest.fixture
def bound(shop, subscriber):
    return shop.bind(subscriber)


@pytest.fixture
def row(shop, stripe_sandbox, bound):
    """A monthly subscription to two units of pro, ten days old and known here."""
    items = [{"price": shop.pro_monthly["id"], "quantity": 2}]
    shop.subscribe(bound, items=items)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(10 * DAY)
    stripe_sandbox.deliver()
    return Subscription.objects.get()


@pytest.fixture
def at_stripe(shop, row):
    """What the subscription is at Stripe now."""
    return lambda: shop.call("GET", f"/v1/subscriptions/{row.stripe_id}")


@pytest.fixture
def scheduled(row, subscriber, stripe_sandbox):
    """One unit from the next period on, where there are two now."""
    change_quantity(subscriber, 1, when="period_end")
    stripe_sandbox.deliver()
    return row


@pytest.fixture
def renewed(stripe_sandbox, row, at_stripe):
    """The next period has begun; the quantity in it."""

    def renewed():
        stripe_sandbox.advance(25 * DAY)
        stripe_sandbox.deliver()
        return at_stripe()["items"]["data"][0]["quantity"]

    return renewed
