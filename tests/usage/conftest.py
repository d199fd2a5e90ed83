import pytest

from django_stripe_billing.stripe_api import TokenBucket
from django_stripe_billing.usage import send_usage
from tests.renewals import clock, heard, payer

__all__ = ["clock", "heard", "payer"]


@pytest.fixture
def add_meter(shop):
    def add_meter(formula="sum", name="calls"):
        params = {
            "display_name": name.title(),
            "event_name": name,
            "default_aggregation": {"formula": formula},
        }
        return shop.call("POST", "/v1/billing/meters", params)

    return add_meter


@pytest.fixture
def send():
    return lambda: send_usage(TokenBucket(rate=100_000))
