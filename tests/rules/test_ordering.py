import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_stripe_billing.rules.ordering import (
    NEVER,
    Interval,
    Verdict,
    join,
    judge,
    of_answer,
    of_event,
)

from .ordering_experiment import divergences, last_created_wins

STORED = Interval(low=100, high=110)


@pytest.mark.parametrize(
    ("low", "high", "same", "verdict"),
    [
        (111, 120, False, Verdict.NEWER),
        (111, 120, True, Verdict.NEWER),
        (90, 99, False, Verdict.STALE),
        (90, 99, True, Verdict.STALE),
        (110, 110, True, Verdict.SAME),
        (110, 110, False, Verdict.AMBIGUOUS),
        (90, 100, False, Verdict.AMBIGUOUS),
        (50, 200, False, Verdict.AMBIGUOUS),
    ],
)
def test_a_reading_is_judged_by_its_interval(low, high, same, verdict):
    new = Interval(low=low, high=high)
    assert judge(stored=STORED, new=new, same_content=same) is verdict


def test_an_event_is_taken_in_one_second():
    assert of_event(7) == Interval(low=7, high=7)


def test_an_answer_spans_its_way_and_a_second_on_each_side():
    assert of_answer(date=1000, elapsed=0.2) == Interval(low=998, high=1001)
    assert of_answer(date=1000, elapsed=5) == Interval(low=994, high=1001)


def test_joining_takes_the_larger_of_each_bound():
    assert join(STORED, Interval(low=90, high=120)) == Interval(low=100, high=120)


intervals = st.tuples(st.integers(0, 30), st.integers(0, 10)).map(
    lambda pair: Interval(low=pair[0], high=pair[0] + pair[1])
)


@given(intervals, intervals, st.booleans())
def test_two_readings_never_both_win(one, other, same):
    forth = judge(stored=one, new=other, same_content=same)
    back = judge(stored=other, new=one, same_content=same)
    opposite = {Verdict.NEWER: Verdict.STALE, Verdict.STALE: Verdict.NEWER}
    assert back is opposite.get(forth, forth)


@given(intervals, intervals, st.booleans())
def test_readings_that_overlap_are_never_guessed_at(one, other, same):
    overlap = one.low <= other.high and other.low <= one.high
    verdict = judge(stored=one, new=other, same_content=same)
    assert (verdict in {Verdict.SAME, Verdict.AMBIGUOUS}) is overlap
    if overlap:
        assert (verdict is Verdict.SAME) is same


@given(intervals)
def test_any_reading_is_newer_than_none(interval):
    assert judge(stored=NEVER, new=interval, same_content=True) is Verdict.NEWER


@given(intervals, intervals)
def test_a_joined_interval_reaches_as_far_as_both(one, other):
    joined = join(one, other)
    assert joined.low == max(one.low, other.low)
    assert joined.high == max(one.high, other.high)
    assert joined == join(other, one)


@given(
    read_at=st.floats(1000, 2000),
    way_there=st.floats(0, 30),
    way_back=st.floats(0, 30),
    stamped=st.floats(0, 1),
)
def test_the_interval_of_an_answer_holds_the_moment_of_reading(
    read_at, way_there, way_back, stamped
):
    """Stripe writes the Date header anywhere between reading and answering."""
    date = math.floor(read_at + stamped * way_back)
    interval = of_answer(date=date, elapsed=way_there + way_back)
    assert interval.low <= read_at
    assert read_at < interval.high + 1


@pytest.mark.parametrize("loss", [0.0, 0.4])
def test_no_history_ends_in_another_version_than_stripes(loss):
    assert divergences(2_000, loss=loss)[0] == 0


def test_the_experiment_finds_what_is_wrong_with_another_rule():
    naive, _ = divergences(500, loss=0.0, rule=last_created_wins)
    assert naive > 25
