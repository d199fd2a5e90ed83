"""Typed reads: a value of the expected type that every database holds, or nothing."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules import json_values
from django_stripe_billing.rules.json_values import LARGEST_INTEGER, LARGEST_SECOND, MOST_LEVELS

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def is_storable(value):
    value.encode()  # halves of surrogate pairs have no encoding
    return "\0" not in value


@given(ANYTHING)
def test_no_read_raises_and_each_gives_what_it_promises(value):
    assert isinstance(json_values.mapping(value), dict)
    assert isinstance(json_values.objects(value), list)
    assert isinstance(json_values.flag(value), bool)
    assert is_storable(json_values.text(value))
    assert len(json_values.text(value, longest=5)) <= 5
    assert is_storable(json_values.identifier(value))
    assert len(json_values.identifier(value)) <= 255
    assert abs(json_values.integer(value) or 0) <= LARGEST_INTEGER
    assert 0 <= (json_values.second(value) or 0) <= LARGEST_SECOND
    json_values.whole_number(value)
    for key, entry in json_values.metadata(value).items():
        assert is_storable(key)
        assert is_storable(entry)


@given(ANYTHING)
def test_json_is_read_as_it_was_written_where_a_database_holds_it(value):
    body = json.dumps(value)
    if any(isinstance(entry, float) and not math.isfinite(entry) for entry in leaves(value)):
        with pytest.raises(ValueError):
            json_values.read_json(body.encode())
        return
    found = json_values.read_json(body.encode())
    if "\\u0000" not in body and "\\ud" not in body:
        assert found == value
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for entry in value for leaf in leaves(entry)]
    return [value]


@given(st.binary())
def test_bytes_are_json_or_a_value_error(body):
    try:
        json_values.read_json(body)
    except ValueError:
        return


def nested(levels):
    return b"[" * levels + b"]" * levels


def test_json_is_nested_only_so_deep():
    json_values.read_json(nested(MOST_LEVELS))
    for levels in (MOST_LEVELS + 1, 500, 1_000, 5_000, 1_000_000):
        with pytest.raises(ValueError):
            json_values.read_json(nested(levels))


def test_the_largest_second_can_be_shown_in_every_time_zone():
    moment = datetime.fromtimestamp(LARGEST_SECOND, UTC)
    for hours in (-14, 14):
        assert moment.astimezone(timezone(timedelta(hours=hours)))


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), (" 5 ", 5), ("-5", -5), ("5.0", None), ("", None), ("\u0665", None), (5, None)],
)
def test_a_whole_number_is_spelled_in_ascii_digits(text, number):
    assert json_values.whole_number(text) == number


def test_an_expanded_object_is_as_good_as_its_id():
    assert json_values.identifier({"id": "cus_1", "object": "customer"}) == "cus_1"
    assert json_values.identifier({"id": {"id": "cus_1"}}) == ""
    assert json_values.identifier("x" * 256) == ""
