import pytest

from django_stripe_billing.models import Subscription

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
