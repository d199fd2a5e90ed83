import pytest

from django_stripe_billing.rules.catalog import Limit, limits_of, parse_limit, price_terms


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("5", Limit(value=5)),
        (" 5  PER unit ", Limit(value=5, is_per_unit=True)),
        ("unlimited", Limit(value=None)),
        ("", Limit(value=None)),
        ("lots", Limit(value=0)),
        ("-1", Limit(value=0)),
        ("5.5", Limit(value=0)),
        ("٣", Limit(value=0)),
        ("9" * 30, Limit(value=0)),
    ],
)
def test_a_limit_that_cannot_be_read_is_nothing(text, limit):
    assert parse_limit(text) == limit


def test_limits_are_read_from_their_own_keys_only():
    metadata = {"limit:seats": "3", "limits": "4", "seats": "5"}
    assert limits_of(metadata) == {"seats": Limit(value=3)}


def test_a_price_overrides_its_product():
    terms = price_terms({"quantity_max": "5", "trial_days": "7"}, {"trial_days": "14"})
    assert (terms.quantity_min, terms.quantity_max, terms.trial_days) == (1, 5, 14)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"quantity_min": "0"},
        {"quantity_max": "many"},
        {"quantity_min": "5", "quantity_max": "2"},
        {"quantity_max": "99999999999"},
    ],
)
def test_bounds_that_cannot_be_read_leave_one_unit(metadata):
    terms = price_terms({}, metadata)
    assert (terms.quantity_min, terms.quantity_max) == (1, 1)


@pytest.mark.parametrize(("text", "days"), [("14", 14), ("-1", 0), ("soon", 0), ("99999", 0)])
def test_a_trial_that_cannot_be_read_is_none(text, days):
    assert price_terms({}, {"trial_days": text}).trial_days == days
