import pytest

from django_stripe_billing.rules.throttling import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "number", "seconds"),
    [("1/s", 1, 1), ("60/min", 60, 60), ("5/m", 5, 60), ("100/hour", 100, 3600), ("9/d", 9, 86400)],
)
def test_a_rate_is_read(text, number, seconds):
    assert parse_rate(text) == Rate(number=number, seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "60", "60/", "/min", "0/min", "-1/min", "60/fortnight", "60/min\n", "1/1/s"],
)
def test_what_is_no_rate_is_none(text):
    assert parse_rate(text) is None


def test_a_window_ends_when_the_next_begins():
    rate = Rate(number=1, seconds=60)
    assert rate.window(119.9) == 1
    assert rate.wait(119.9) == 1
    assert rate.window(119.9 + rate.wait(119.9)) == 2
    assert rate.wait(120) == 60
