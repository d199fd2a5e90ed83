"""Invoices in every shape that Stripe has sent, and what hypothesis makes of them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_stripe_billing.rules.dunning import (
    Step,
    is_unpaid,
    oldest_unpaid,
    step,
    unpaid_since,
)
from django_stripe_billing.rules.endings import Ending, ending_of
from django_stripe_billing.rules.invoices import is_further, parse_invoice, progress
from django_stripe_billing.rules.payment_methods import parse_payment_method
from tests.mutations import mutations
from tests.payloads import DAY, NOW, invoice, paid

from .test_snapshots import RESOURCES, needs_fixtures

STATUSES = ["draft", "open", "uncollectible", "paid", "void", "deleted", "new to us"]


@needs_fixtures
def test_stripes_own_invoice_and_payment_method_are_read():
    found = parse_invoice(RESOURCES["invoice"])
    assert (found.status, found.amount_remaining, found.currency) == ("draft", 1000, "usd")
    method = parse_payment_method(RESOURCES["payment_method"])
    assert (method.brand, method.last4, method.exp_month, method.exp_year) == (
        "visa",
        "4242",
        8,
        2030,
    )


@given(mutated=mutations(invoice()))
@settings(max_examples=300, deadline=None, database=None)
def test_whatever_is_wrong_in_it_an_invoice_is_a_value_that_can_be_stored(mutated):
    found = parse_invoice(mutated)
    if found is not None:
        assert 0 <= found.attempt_count <= 32_767
        assert all(abs(getattr(found, name)) < 2**63 for name in ("total", "amount_remaining"))
        link = found.hosted_invoice_url
        assert link == "" or link.startswith(("https://", "http://"))
        is_unpaid(found)
        progress(found)


@pytest.mark.parametrize(
    "shape",
    [
        {"parent": {"type": "subscription_details", "subscription_details": {"subscription": "s"}}},
        {"parent": {"subscription_details": {"subscription": {"id": "s"}}}},
        {"parent": None, "subscription": "s"},
        {"subscription": {"id": "s", "object": "subscription"}, "parent": {}},
    ],
)
def test_the_subscription_is_found_in_every_shape(shape):
    assert parse_invoice({**invoice(), **shape}).subscription_id == "s"


@pytest.mark.parametrize(
    "line",
    [
        {"pricing": {"type": "price_details", "price_details": {"product": "p", "price": "x"}}},
        {"price": {"id": "x", "product": "p"}},
        {"plan": {"id": "x", "product": {"id": "p"}}},
    ],
)
def test_the_products_are_found_in_every_shape(line):
    lines = {"object": "list", "data": [line, line, {}, {"pricing": None}]}
    assert parse_invoice(invoice(lines=lines)).product_ids == ("p",)


def test_an_upcoming_invoice_has_no_id_and_is_read():
    payload = invoice()
    del payload["id"]
    assert parse_invoice(payload).id == ""


def test_an_invoice_for_nobody_is_not_read():
    assert parse_invoice({**invoice(), "customer": None}) is None


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "x" * 6000, 7, None])
def test_only_a_web_address_is_a_link(link):
    assert parse_invoice(invoice(hosted_invoice_url=link)).hosted_invoice_url == ""


def snapshots():
    return st.builds(
        lambda **values: replace(parse_invoice(invoice()), **values),
        status=st.sampled_from(STATUSES),
        attempt_count=st.integers(0, 3),
        attempted=st.booleans(),
        amount_remaining=st.sampled_from([0, 1, 2000]),
        created=st.integers(NOW, NOW + 3),
        due_date=st.none() | st.integers(NOW, NOW + 3),
        id=st.sampled_from(["in_1", "in_2"]),
    )


@given(one=snapshots(), other=snapshots())
def test_of_two_readings_at_most_one_is_further(one, other):
    assert not (is_further(one, other) and is_further(other, one))
    assert is_further(one, one) is None


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (invoice(status="draft", attempt_count=0), invoice(attempt_count=0)),
        (invoice(attempt_count=1), invoice(attempt_count=2)),
        (invoice(attempt_count=3), paid(invoice(attempt_count=3))),
        (invoice(), invoice(status="void")),
        (invoice(), invoice(status="uncollectible")),
        (invoice(status="uncollectible"), paid(invoice())),
        (invoice(status="draft", attempt_count=0), invoice(status="deleted")),
    ],
)
def test_an_invoice_goes_on_and_never_back(earlier, later):
    earlier, later = parse_invoice(earlier), parse_invoice(later)
    assert is_further(later, earlier) is True
    assert is_further(earlier, later) is False


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (invoice(), True),
        (invoice(attempt_count=0, attempted=False), False),
        (invoice(attempt_count=0, attempted=False, due_date=NOW + DAY), True),
        (invoice(amount_remaining=0), False),
        (invoice(status="draft"), False),
        (invoice(status="uncollectible"), False),
        (invoice(status="void"), False),
        (invoice(status="new to us"), False),
        (paid(invoice()), False),
    ],
)
def test_which_invoices_are_unpaid(payload, expected):
    assert is_unpaid(parse_invoice(payload)) is expected


def test_the_oldest_unpaid_invoice_is_the_one_whose_grace_began_first():
    sent = parse_invoice(invoice("in_sent", created=NOW - 20 * DAY, due_date=NOW + 10 * DAY))
    charged = parse_invoice(invoice("in_charged"))
    settled = parse_invoice(paid(invoice("in_settled", created=NOW - 60 * DAY)))
    assert unpaid_since(sent) == NOW + 10 * DAY
    assert oldest_unpaid([sent, charged, settled]) == charged
    assert oldest_unpaid([settled]) is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("active", "past_due", Step.STARTED),
        ("", "past_due", Step.STARTED),
        ("trialing", "past_due", Step.STARTED),
        ("past_due", "unpaid", None),
        ("past_due", "past_due", None),
        ("past_due", "active", Step.RECOVERED),
        ("unpaid", "active", Step.RECOVERED),
        ("past_due", "canceled", None),
        ("past_due", "paused", None),
        ("paused", "active", None),
        ("incomplete", "active", None),
        ("active", "new to us", None),
    ],
)
def test_when_trouble_begins_and_ends(before, after, expected):
    assert step(before=before, after=after) is expected


def term(reason, ends_at=NOW):
    return {"ends_at": ends_at, "limit": None, "reason": reason}


@pytest.mark.parametrize(
    ("before", "after", "is_news"),
    [
        (None, term("paid_period"), False),
        (None, term("cancel_at"), True),
        (term("paid_period"), term("past_due_grace"), True),
        (term("past_due_grace"), term("past_due_grace", NOW + 60), False),
        (term("past_due_grace"), term("past_due_grace", NOW + 2 * DAY), True),
        (term("past_due_grace"), term("cancel_at"), True),
        (term("cancel_at"), term("paid_period"), False),
        (term("cancel_at"), None, False),
        (term("period_end"), {**term("period_end"), "limit": 5}, False),
    ],
)
def test_which_changes_tell_of_an_end(before, after, is_news):
    found = ending_of(before=before, after=after)
    expected = Ending(ends_at=after["ends_at"], reason=after["reason"]) if is_news else None
    assert found == expected
