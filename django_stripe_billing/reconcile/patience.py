"""Asking Stripe again when it does not answer, or says that there are too many calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from ..exceptions import StripeRateLimitError, StripeUnavailableError
from ..stripe_api import Pace

T = TypeVar("T")

ATTEMPTS = 6
LONGEST_PAUSE = 30.0
"""Seconds."""

OWN_REASONS = frozenset({"", "resource-specific"})
"""Of `Stripe-Rate-Limited-Reason`: these limits are of one object. Any other is of the account, so
everybody waits. https://docs.stripe.com/rate-limits"""


class Patience:
    """Repeats a call with growing, random pauses; raises what the last attempt raised."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._pause = wait_random_exponential(multiplier=1, max=LONGEST_PAUSE)

    def __call__(self, call: Callable[[], T]) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._pause,
            retry=retry_if_exception_type(StripeUnavailableError),
            before_sleep=self._hold_others,
            reraise=True,
        )
        return retrying(call)

    def _hold_others(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        is_shared = isinstance(error, StripeRateLimitError) and error.reason not in OWN_REASONS
        if is_shared and state.next_action is not None:
            self._pace.hold(state.next_action.sleep)
