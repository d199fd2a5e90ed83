import pytest

from tests.renewals import break_card, clock, payer

__all__ = ["break_card", "clock", "payer"]


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
