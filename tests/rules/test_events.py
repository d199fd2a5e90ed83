import pytest

from django_stripe_billing.rules.events import Subject, parse_event

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


def test_a_thin_event_is_read_without_a_subject():
    thin = {
        "id": "evt_2",
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "created": "2026-11-23T00:00:00Z",
        "livemode": False,
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
    }
    event = parse_event(thin)
    assert event.subject is None
    assert event.object_id == "sub_1"


def test_a_mode_that_is_not_said_is_neither():
    assert parse_event({**EVENT, "livemode": "yes"}).livemode is None
