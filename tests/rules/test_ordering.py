import pytest

from django_stripe_billing.rules.ordering import Interval, Verdict, join, judge, of_answer, of_event

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
