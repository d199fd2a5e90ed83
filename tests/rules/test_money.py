from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.money import per_month

amounts = st.integers(-(10**12), 10**12)
counts = st.integers(1, 1000)


@pytest.mark.parametrize(
    ("amount", "interval", "count", "expected"),
    [
        (2000, "month", 1, 2000),
        (6000, "month", 3, 2000),
        (12_000, "year", 1, 1000),
        (36_000, "year", 3, 1000),
        (100, "day", 1, 3044),
        (700, "week", 1, 3044),
        (1, "year", 1, 0),
        (6, "year", 1, 0),
        (18, "year", 1, 2),
        (0, "month", 1, 0),
        (999, "fortnight", 1, 0),
        (999, "", 1, 0),
        (999, "month", 0, 0),
        (999, "month", -1, 0),
    ],
)
def test_an_amount_a_month(amount, interval, count, expected):
    assert per_month(amount, interval=interval, interval_count=count) == expected


@given(amounts, counts)
def test_a_year_is_twelve_months_and_a_week_is_seven_days(amount, count):
    year = per_month(amount, interval="year", interval_count=count)
    assert year == per_month(amount, interval="month", interval_count=12 * count)
    week = per_month(amount, interval="week", interval_count=count)
    assert week == per_month(amount, interval="day", interval_count=7 * count)


@given(amounts, st.sampled_from(["day", "week", "month", "year"]), counts)
def test_it_is_whole_never_further_off_than_half_a_unit_and_has_the_amounts_sign(
    amount, interval, count
):
    found = per_month(amount, interval=interval, interval_count=count)
    days = {"day": 1, "week": 7, "month": Fraction(1461, 48), "year": Fraction(1461, 4)}[interval]
    exact = Fraction(amount) * Fraction(1461, 48) / (days * count)
    assert type(found) is int
    assert abs(found - exact) <= Fraction(1, 2)
    assert found == 0 or (found > 0) == (amount > 0)
    assert per_month(-amount, interval=interval, interval_count=count) == -found
