"""What is said when Stripe does not answer."""

import socket

import pytest

from django_stripe_billing.exceptions import StripeUnavailableError
from django_stripe_billing.stripe_api import request


@pytest.fixture
def nobody():
    """An address of this machine at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{found.getsockname()[1]}"


def test_a_connection_that_fails_says_where_it_was_to_lead_and_what_to_do(settings, nobody):
    settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, "API_BASE": nobody}
    with pytest.raises(StripeUnavailableError) as caught:
        request("get", "/v1/customers")
    assert str(caught.value) == (
        f"No answer from {nobody}: Connection refused."
        " If that is the sandbox, start it: manage.py stripe_sandbox."
    )
