import pytest


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Stripe is asked again at once, and as fast as it answers."""
    monkeypatch.setattr("django_stripe_billing.reconcile.patience.LONGEST_PAUSE", 0)
    monkeypatch.setattr("django_stripe_billing.reconcile.rates.TEST_RATE", 10_000.0)


@pytest.fixture
def bound(shop, subscriber):
    return shop.bind(subscriber)


@pytest.fixture
def subscription(shop, stripe_sandbox, bound):
    """A subscription that is known here, some time ago."""
    made = shop.subscribe(bound)
    stripe_sandbox.deliver()
    stripe_sandbox.advance(100)
    return made
