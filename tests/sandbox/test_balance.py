"""The account's balance."""

import json

import pytest

from .test_objects import EXAMPLES, differences


def test_the_balance_is_what_was_taken_less_fees_and_refunds(shop):
    assert shop.call("GET", "/v1/balance")["available"][0]["amount"] == 0
    shop.subscribe()
    charge = shop.call("GET", "/v1/charges")["data"][0]
    shop.call("POST", "/v1/refunds", {"charge": charge["id"], "amount": 500})

    balance = shop.call("GET", "/v1/balance")

    assert balance["available"] == [
        {"amount": 2000 - 88 - 500, "currency": "usd", "source_types": {"card": 1412}}
    ]
    assert balance["pending"][0]["amount"] == 0


@pytest.mark.skipif(not EXAMPLES.exists(), reason="Stripe's example objects are not at hand")
def test_the_balance_is_like_stripes_example(shop):
    example = json.loads(EXAMPLES.read_text())["resources"]["balance"]
    assert differences(shop.call("GET", "/v1/balance"), example, at="balance") == []


@pytest.mark.parametrize("name", ["application_fees", "payouts", "reviews", "topups", "transfers"])
def test_what_the_sandbox_never_does_is_an_empty_list(shop, name):
    found = shop.call("GET", f"/v1/{name}", {"limit": 3})

    assert (found["data"], found["has_more"], found["url"]) == ([], False, f"/v1/{name}")
