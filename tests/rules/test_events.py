import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.events import Subject, parse_event, without_bearer_values
from tests.mutations import mutations

EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "customer.subscription.updated",
    "created": 1_700_000_000,
    "livemode": False,
    "api_version": "2026-10-28.endive",
    "data": {"object": {"id": "sub_1", "object": "subscription", "customer": "cus_1"}},
}


def test_an_event_tells_its_subject():
    event = parse_event(EVENT)
    assert event.subject is Subject.SUBSCRIPTION
    assert (event.object_id, event.customer_id, event.account) == ("sub_1", "cus_1", "")


def test_an_unknown_type_has_no_subject():
    assert parse_event({**EVENT, "type": "galaxy.exploded"}).subject is None


@pytest.mark.parametrize("field", ["id", "type", "created"])
def test_an_event_without_what_identifies_it_is_none(field):
    assert parse_event({**EVENT, field: None}) is None


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("2026-10-28.endive", True),
        ("2025-03-31.basil", True),
        ("2024-06-20", True),
        ("2027-03-30.fjord", False),
        ("2011-01-01", False),
        ("", False),
        (None, False),
    ],
)
def test_only_shapes_that_are_read_count_as_known(version, known):
    assert parse_event({**EVENT, "api_version": version}).has_known_shape is known


THIN = {
    "id": "evt_2",
    "object": "v2.core.event",
    "type": "v1.customer.subscription.updated",
    "created": "2026-11-23T00:00:00Z",
    "livemode": False,
    "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
}


def test_a_thin_event_is_read_without_a_subject():
    event = parse_event(THIN)
    assert event.subject is None
    assert event.is_thin
    assert (event.object_id, event.created) == ("sub_1", 1_795_392_000)


@pytest.mark.parametrize(
    ("created", "second"),
    [
        ("2026-11-23T00:00:00", 1_795_392_000),
        ("2026-11-23T01:00:00.999+01:00", 1_795_392_000),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
        (1_795_392_000, None),
        (None, None),
    ],
)
def test_a_thin_events_moment_is_written_out(created, second):
    event = parse_event({**THIN, "created": created})
    assert (event and event.created) == second


@given(st.data())
def test_no_mutation_of_an_event_raises(data):
    for original in (EVENT, THIN):
        parse_event(data.draw(mutations(original)))


@pytest.mark.parametrize("account", ["", 5, [], {}, True, "x" * 65, {"id": ""}])
def test_an_event_of_an_account_that_cannot_be_read_is_none(account):
    assert parse_event({**EVENT, "account": account}) is None
    assert parse_event({**EVENT, "account": None}).account == ""
    assert parse_event({**EVENT, "account": "acct_1"}).account == "acct_1"


def test_an_account_that_acts_as_a_customer_is_the_customer():
    owned = {
        "id": "sub_1",
        "object": "subscription",
        "customer": None,
        "customer_account": "acct_1",
    }
    assert parse_event({**EVENT, "data": {"object": owned}}).customer_id == "acct_1"


def test_bearer_values_are_removed_and_nothing_else():
    payload = {
        "url": "kept: a product's page",
        "data": [
            {"object": "billing_portal.session", "url": "https://x", "id": "bps_1"},
            {"object": "checkout.session", "url": None, "client_secret": "cs_secret"},
            {"secret": {"object": {}}, "object": ["checkout.session"], "url": "kept"},
        ],
    }
    assert without_bearer_values(payload) == {
        "url": "kept: a product's page",
        "data": [
            {"object": "billing_portal.session", "url": "[removed]", "id": "bps_1"},
            {"object": "checkout.session", "url": None, "client_secret": "[removed]"},
            {"secret": {"object": {}}, "object": ["checkout.session"], "url": "kept"},
        ],
    }


def test_a_mode_that_is_not_said_is_neither():
    assert parse_event({**EVENT, "livemode": "yes"}).livemode is None
