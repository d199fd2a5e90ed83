"""The client in process: what a real one could not send, it does not send either."""

import json
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from django_stripe_billing.exceptions import StripeUnavailableError
from django_stripe_billing.stripe_api import CallableHTTPClient, request

UNSENDABLE = ["export-2026-€", "export\n2", "export\r2", " export"]


@pytest.fixture
def asked(configure):
    """The headers that arrived."""
    found = []

    def handle(method, path, body, headers):
        found.append(dict(headers))
        answered = {"Date": formatdate(usegmt=True), "Request-Id": "req_1"}
        return SimpleNamespace(status=200, headers=answered, body=json.dumps({}).encode())

    configure(HTTP_CLIENT=CallableHTTPClient(handle))
    return found


@pytest.mark.parametrize("key", UNSENDABLE)
def test_a_header_that_no_library_could_send_fails_in_process_as_it_does_over_http(asked, key):
    with pytest.raises(StripeUnavailableError):
        request("post", "/v1/customers", {}, idempotency_key=key)
    assert asked == []


@pytest.mark.parametrize("key", UNSENDABLE)
def test_over_http_it_is_not_sent(stripe, key):
    with pytest.raises(StripeUnavailableError):
        request("post", "/v1/customers", {}, idempotency_key=key)
    assert stripe.requests == []


def test_a_header_of_latin_letters_is_sent(asked):
    request("post", "/v1/customers", {}, idempotency_key="exporté-2026")
    assert asked[0]["Idempotency-Key"] == "exporté-2026"
