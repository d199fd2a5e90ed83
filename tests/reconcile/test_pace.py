"""Keeping under Stripe's limits, without waiting for real."""

import pytest

from django_stripe_billing.exceptions import (
    StripeAuthenticationError,
    StripeError,
    StripeRateLimitError,
    StripeUnavailableError,
)
from django_stripe_billing.reconcile import patience
from django_stripe_billing.stripe_api import TokenBucket, pace

LONG = 30.0


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr("tenacity.nap.time.sleep", clock.sleep)
    monkeypatch.setattr(patience, "LONGEST_PAUSE", LONG)
    return clock


class Held:
    """A pace that remembers for how long it was held."""

    def __init__(self):
        self.seconds = []

    def take(self):
        raise AssertionError("the client takes turns")

    def hold(self, seconds):
        self.seconds.append(seconds)


def failing(times, error):
    """A call that fails so often, and then answers."""
    left = [error] * times

    def call():
        if left:
            raise left.pop()
        return "answer"

    return call


def limited(reason):
    return StripeRateLimitError("too many", status=429, reason=reason)


@pytest.mark.parametrize(
    ("reason", "is_shared"),
    [
        ("global-rate", True),
        ("global-concurrency", True),
        ("endpoint-rate", True),
        ("endpoint-concurrency", True),
        ("resource-specific", False),
        ("", False),
        ("one-that-we-do-not-know", True),
    ],
)
def test_a_limit_of_the_account_holds_everybody_and_one_of_an_object_holds_its_caller(
    clock, reason, is_shared
):
    held = Held()
    assert patience.Patience(held)(failing(3, limited(reason))) == "answer"
    assert len(clock.slept) == 3
    assert held.seconds == (clock.slept if is_shared else [])


def test_pauses_grow_at_random_and_have_an_end(clock):
    pauses = []
    for _ in range(200):
        clock.slept.clear()
        with pytest.raises(StripeUnavailableError):
            patience.Patience(Held())(failing(99, StripeUnavailableError("down", status=503)))
        assert len(clock.slept) == patience.ATTEMPTS - 1
        pauses.append(list(clock.slept))
    for number, own in enumerate(zip(*pauses, strict=True)):
        assert 0 <= min(own) <= max(own) <= min(2**number, LONG)
        assert len(set(own)) > 100
    assert max(own) > 8


@pytest.mark.parametrize("error", [StripeError("no"), StripeAuthenticationError("no", status=401)])
def test_what_waiting_does_not_help_is_not_waited_for(clock, error):
    with pytest.raises(type(error)):
        patience.Patience(Held())(failing(1, error))
    assert clock.slept == []


def test_turns_come_evenly_and_never_faster_than_the_rate(clock):
    bucket = TokenBucket(rate=20)
    taken = []
    for number in range(100):
        bucket.take()
        taken.append(clock.now)
        clock.now += 0.01 if number % 7 else 0.4  # the work between two calls
    for first, later in zip(taken, taken[20:], strict=False):
        assert later - first >= 1 - 1e-9
    assert taken[-1] - taken[0] < 100 / 20 + 15 * 0.4


def test_a_burst_is_allowed_and_paid_back(clock):
    bucket = TokenBucket(rate=10, burst=5)
    for _ in range(5):
        bucket.take()
    assert clock.now == pytest.approx(1000.0)
    for _ in range(10):
        bucket.take()
    assert clock.now == pytest.approx(1001.0)


def test_while_it_is_held_nobodys_turn_comes(clock):
    bucket = TokenBucket(rate=100, burst=50)
    bucket.take()
    bucket.hold(7)
    bucket.take()
    assert clock.now == pytest.approx(1007.0)
    bucket.hold(1)
    bucket.hold(0.2)  # the longer one counts
    bucket.take()
    assert clock.now == pytest.approx(1008.0)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_bucket_without_turns_is_refused(rate, burst):
    with pytest.raises(ValueError, match="rate"):
        TokenBucket(rate=rate, burst=burst)
