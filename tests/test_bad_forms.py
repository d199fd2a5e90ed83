"""Each field of each page with what no form of ours sends: a page, never an error of ours."""

import pytest
from django.urls import reverse

from tests.subscriptions.conftest import bound, row

__all__ = ["bound", "row"]
pytestmark = pytest.mark.django_db(transaction=True)

BAD = [
    "",
    " ",
    "\0",
    "-1",
    "1.5",
    "1e3",
    "9" * 30,
    "9" * 5_000,
    "x" * 10_000,
    "<script>alert(1)</script>",
    "'; DROP TABLE stripe_billing_customer; --",
    "é" * 300,
    "\u0661",
    "\ufffd",
]
POSTS = {
    "checkout": {"price": "pro_monthly", "quantity": "1"},
    "change": {"token": "x", "when": "now", "subscription": ""},
    "cancel": {"feedback": "unused", "comment": "Bye", "subscription": ""},
    "resume": {"subscription": ""},
    "pause": {"subscription": ""},
    "promotion_code": {"code": "none", "subscription": ""},
    "withdraw_change": {"subscription": ""},
}
GETS = {
    "pricing": ("interval", "currency", "feature"),
    "change": ("price", "quantity", "subscription", "interval", "currency"),
    "cancel": ("subscription",),
    "checkout_return": ("session_id",),
    "status": ("session_id",),
    "invoices": ("page",),
    "home": ("page",),
}


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


def assert_clear(answer, value):
    assert answer.status_code < 500
    if "<script>" in value:
        assert value not in answer.content.decode()


@pytest.mark.parametrize("name", POSTS)
def test_a_form_takes_any_value(row, signed_in, name):
    for field in POSTS[name]:
        for value in BAD:
            answer = signed_in.post(
                reverse(f"stripe_billing:{name}"), {**POSTS[name], field: value}
            )
            assert_clear(answer, value)


@pytest.mark.parametrize("name", GETS)
def test_an_address_takes_any_value(row, signed_in, name):
    for field in GETS[name]:
        for value in BAD:
            assert_clear(signed_in.get(reverse(f"stripe_billing:{name}"), {field: value}), value)
