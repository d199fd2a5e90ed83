"""Stripe's search: https://docs.stripe.com/search"""

import pytest

from django_stripe_billing.sandbox import SandboxError


@pytest.fixture
def people(shop):
    """Three customers besides the shop's own."""
    return [
        shop.call("POST", "/v1/customers", values)
        for values in (
            {
                "email": "bob@example.com",
                "name": "Bob",
                "metadata": {"team": "red", "kind": "user"},
            },
            {"email": "eve@example.org", "name": "Eve", "metadata": {"team": "red"}},
            {"email": "kim@example.org", "metadata": {"team": "it's blue"}},
        )
    ]


@pytest.fixture
def found(shop):
    def found(query, kind="customers", **params):
        answer = shop.call("GET", f"/v1/{kind}/search", {"query": query, **params})
        return [row.get("email") or row["id"] for row in answer["data"]]

    return found


@pytest.mark.parametrize(
    ("query", "emails"),
    [
        ("email:'BOB@example.com'", ["bob@example.com"]),
        ("email:'bob'", []),
        ('email~"example.org"', ["kim@example.org", "eve@example.org"]),
        ("metadata['team']:'red'", ["eve@example.org", "bob@example.com"]),
        ("metadata['team']:'red' AND -metadata['kind']:'user'", ["eve@example.org"]),
        ("metadata['team']:'red' -name:'eve'", ["bob@example.com"]),
        ("name:'Eve' OR name:'Bob'", ["eve@example.org", "bob@example.com"]),
        (r"metadata['team']:'it\'s blue'", ["kim@example.org"]),
        ("name:null AND metadata['team']:'it\\'s blue'", ["kim@example.org"]),
        ("-name:null", ["eve@example.org", "bob@example.com"]),
        ("created>0 AND name:'Bob'", ["bob@example.com"]),
        ("created<=0", []),
    ],
)
def test_customers_are_found_by_a_query(people, found, query, emails):
    assert found(query) == emails


@pytest.mark.parametrize(
    "query",
    [
        "",
        "ada",
        "email:",
        "metadata:'red'",
        "email['a']:'b'",
        "shoe_size:'9'",
        "email~'ab'",
        "created>soon",
        "name:'a' AND",
        "name:'a' AND name:'b' OR name:'c'",
    ],
)
def test_a_query_that_cannot_be_read_is_refused(people, found, query):
    with pytest.raises(SandboxError) as refused:
        found(query)

    assert refused.value.status == 400


def test_a_search_goes_on_where_its_page_ended(shop, people):
    params = {"query": "metadata['team']:'red'", "limit": 1}
    first = shop.call("GET", "/v1/customers/search", params)
    second = shop.call("GET", "/v1/customers/search", {**params, "page": first["next_page"]})

    assert (first["object"], first["url"]) == ("search_result", "/v1/customers/search")
    assert [row["name"] for row in first["data"] + second["data"]] == ["Eve", "Bob"]
    assert (first["has_more"], second["has_more"], second["next_page"]) == (True, False, None)
    with pytest.raises(SandboxError, match="page"):
        shop.call("GET", "/v1/customers/search", {**params, "page": "next"})


def test_what_customers_have_is_found_too(shop, found):
    subscription = shop.subscribe(metadata={"plan": "pro"})
    invoice = shop.invoices(subscription)[0]
    intent = shop.call("GET", "/v1/payment_intents")["data"][0]["id"]

    assert found("status:'active' AND metadata['plan']:'pro'", "subscriptions") == [
        subscription["id"]
    ]
    assert found(f"subscription:'{subscription['id']}' total:2000", "invoices") == [invoice["id"]]
    assert found("amount>1999 status:'succeeded'", "payment_intents") == [intent]
    assert found("refunded:'false'", "charges") == [
        shop.call("GET", "/v1/charges")["data"][0]["id"]
    ]
    assert found(f"active:'true' product:'{shop.product['id']}'", "prices") == [shop.price["id"]]
    assert found("name~'Pro'", "products") == [shop.product["id"]]


def test_customers_of_a_test_clock_are_hidden(shop, found):
    clock = shop.call("POST", "/v1/test_helpers/test_clocks", {"frozen_time": 1_790_000_000})
    shop.call("POST", "/v1/customers", {"email": "on@clock.example", "test_clock": clock["id"]})

    assert found("email:'on@clock.example'") == []
