"""Lists, page by page, and subscriptions whose items do not fit on one."""

from email.utils import formatdate

import pytest

from django_stripe_billing.exceptions import StripeUnavailableError
from django_stripe_billing.rules.ordering import Interval
from django_stripe_billing.stripe_api import fetch_subscription, pages


def page(*ids, has_more=False):
    return {"object": "list", "data": [{"id": one} for one in ids], "has_more": has_more}


def test_a_list_is_walked_to_its_end_with_a_call_for_each_page(stripe):
    stripe.answer(200, page("a", "b", has_more=True), Date=formatdate(1000))
    stripe.answer(200, page("c"), Date=formatdate(2000))
    found = list(pages("/v1/customers", {"email": "x"}, account="acct_1"))
    assert [[row["id"] for row in one.rows] for one in found] == [["a", "b"], ["c"]]
    assert [one.interval for one in found] == [
        Interval(low=998, high=1001),
        Interval(low=1998, high=2001),
    ]
    assert [path for _, path, _, _ in stripe.requests] == [
        "/v1/customers?email=x&limit=100",
        "/v1/customers?email=x&limit=100&starting_after=b",
    ]
    assert {headers["Stripe-Account"] for _, _, headers, _ in stripe.requests} == {"acct_1"}


def test_pages_are_fetched_when_they_are_asked_for(stripe):
    stripe.answer(200, page("a", has_more=True))
    stripe.answer(200, page("b"))
    walk = pages("/v1/customers")
    next(walk)
    assert len(stripe.requests) == 1


def test_an_empty_list_is_one_empty_page(stripe):
    stripe.answer(200, page())
    assert [one.rows for one in pages("/v1/customers")] == [[]]


@pytest.mark.parametrize(
    "data",
    [{}, [], {"data": None}, {"data": {}}, {"object": "customer"}, {"error": "none"}],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(stripe, data):
    stripe.answer(200, data)
    with pytest.raises(StripeUnavailableError):
        list(pages("/v1/customers"))


@pytest.mark.parametrize(
    "second",
    [page(has_more=True), page("a", has_more=True), {"data": [{}], "has_more": True}],
)
def test_a_list_that_does_not_go_on_is_an_error_and_no_endless_walk(stripe, second):
    stripe.answer(200, page("a", has_more=True))
    stripe.answer(200, second)
    with pytest.raises(StripeUnavailableError):
        list(pages("/v1/customers"))
    assert len(stripe.requests) == 2


@pytest.mark.parametrize("has_more", [None, "true", 1, []])
def test_only_a_plain_yes_goes_on(stripe, has_more):
    stripe.answer(200, {**page("a"), "has_more": has_more})
    assert len(list(pages("/v1/customers"))) == 1


def test_an_error_in_the_middle_ends_the_walk(stripe):
    stripe.answer(200, page("a", has_more=True))
    stripe.answer(500)
    walk = pages("/v1/customers")
    assert next(walk).rows == [{"id": "a"}]
    with pytest.raises(StripeUnavailableError):
        next(walk)


def test_a_subscription_is_one_call(stripe):
    stripe.answer(200, {"id": "sub_1", "items": page("si_1")})
    assert fetch_subscription("sub_1").data["items"]["data"] == [{"id": "si_1"}]
    assert len(stripe.requests) == 1


def test_items_that_were_cut_short_are_fetched_in_one_interval(stripe):
    stripe.answer(200, {"id": "sub_1", "items": page("si_1", has_more=True)}, Date=formatdate(1000))
    stripe.answer(200, page("si_1", "si_2", has_more=True), Date=formatdate(1005))
    stripe.answer(200, page("si_3"), Date=formatdate(1010))
    answer = fetch_subscription("sub_1", account="acct_1")
    assert [row["id"] for row in answer.data["items"]["data"]] == ["si_1", "si_2", "si_3"]
    assert answer.data["items"]["has_more"] is False
    assert answer.interval == Interval(low=998, high=1011)
    assert stripe.requests[1][1].startswith("/v1/subscription_items?subscription=sub_1")


def test_an_id_is_no_path(stripe):
    fetch_subscription("sub/../../customers?x=1#")
    assert stripe.requests[0][1] == "/v1/subscriptions/sub%2F..%2F..%2Fcustomers%3Fx%3D1%23"
