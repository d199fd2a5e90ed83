from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.revenue import (
    RecurringLine,
    discount_share,
    monthly_recurring_revenue,
    percent,
    percentile,
)

shares = st.fractions(0, 1)
lines = st.builds(
    RecurringLine,
    currency=st.sampled_from(["usd", "eur", "jpy"]),
    unit_amount=st.integers(0, 10**9),
    interval=st.sampled_from(["day", "week", "month", "year", "fortnight"]),
    interval_count=st.integers(0, 36),
    units=st.integers(0, 10**6),
    discount=shares,
)


def line(amount=2000, interval="month", count=1, units=1, discount=Fraction(0), currency="usd"):
    return RecurringLine(
        currency=currency,
        unit_amount=amount,
        interval=interval,
        interval_count=count,
        units=units,
        discount=discount,
    )


@pytest.mark.parametrize(
    ("given_line", "expected"),
    [
        (line(), 2000),
        (line(units=3), 6000),
        (line(24_000, "year"), 2000),
        (line(6000, "month", 3), 2000),
        (line(1000, "week"), 4348),
        (line(1000, "week", 2), 2174),
        (line(100, "day"), 3044),
        (line(discount=Fraction(1, 4)), 1500),
        (line(24_000, "year", units=2, discount=Fraction(1, 2)), 2000),
    ],
)
def test_prices_are_brought_to_a_month(given_line, expected):
    assert monthly_recurring_revenue([given_line]) == {"usd": expected}


def test_currencies_are_not_added_up():
    found = monthly_recurring_revenue([line(), line(currency="eur"), line()])
    assert found == {"eur": 2000, "usd": 4000}


@pytest.mark.parametrize("nothing", [line(0), line(units=0), line(discount=Fraction(1))])
def test_what_costs_nothing_adds_no_currency(nothing):
    assert monthly_recurring_revenue([nothing]) == {}


@pytest.mark.parametrize("unknown", [line(interval="fortnight"), line(count=0)])
def test_an_interval_that_is_not_known_counts_as_nothing(unknown):
    assert monthly_recurring_revenue([unknown, line()]) == {"usd": 2000}


@given(st.lists(lines, max_size=20), st.randoms())
def test_the_order_of_the_lines_does_not_matter(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert monthly_recurring_revenue(shuffled) == monthly_recurring_revenue(found)


@given(lines, st.integers(1, 50))
def test_many_units_are_as_many_lines_of_one(one, units):
    """Nothing is lost to rounding, however the rows are grouped."""
    together = monthly_recurring_revenue([replace(one, units=units)])
    assert together == monthly_recurring_revenue([replace(one, units=1)] * units)


@given(st.lists(lines, max_size=10), lines)
def test_another_subscription_never_makes_it_less(found, more):
    before, after = monthly_recurring_revenue(found), monthly_recurring_revenue([*found, more])
    assert all(after[currency] >= worth for currency, worth in before.items())


@given(lines)
def test_a_discount_takes_off_its_share_and_no_more(one):
    whole = monthly_recurring_revenue([replace(one, discount=Fraction(0))]).get(one.currency, 0)
    reduced = monthly_recurring_revenue([one]).get(one.currency, 0)
    assert 0 <= reduced <= whole
    assert abs(reduced - whole * (1 - one.discount)) <= 1


@given(st.integers(1, 10**9), st.integers(1, 120))
def test_a_year_is_twelve_months(amount, years):
    yearly = line(amount, "year", years)
    monthly = line(amount, "month", 12 * years)
    assert monthly_recurring_revenue([yearly]) == monthly_recurring_revenue([monthly])


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_the_share_of_a_discount_is_between_nothing_and_all(discount, subtotal):
    assert 0 <= discount_share(discount=discount, subtotal=subtotal) <= 1


def test_the_share_of_a_discount_is_exact():
    assert discount_share(discount=500, subtotal=1500) == Fraction(1, 3)


def test_a_share_of_nothing_is_none():
    assert percent(0, 0) is None
    assert percent(1, 3) == 33.3


@given(st.lists(st.floats(0, 10**6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(values, share):
    found = percentile(values, share)
    assert found in values
    below = sum(value <= found for value in values)
    assert below >= share * len(values) or below == len(values)


def test_percentiles_by_rank():
    values = list(range(1, 101))
    assert (percentile(values, 0.5), percentile(values, 0.95)) == (50, 95)
    assert percentile([3], 0.95) == 3
    assert percentile([], 0.5) is None
