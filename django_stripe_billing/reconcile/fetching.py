"""Comparing one subscription with a fetch by its id: the word that is believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..exceptions import UnsettledError
from ..stripe_api import TokenBucket
from ..sync import read_subscription
from .comparing import Comparison, confirm
from .patience import Patience

T = TypeVar("T")

ROUNDS = 3
"""How often a subscription is fetched that keeps changing while it is compared."""


def compare_by_id(stripe_id: str, *, account: str, patience: Patience) -> Comparison:
    """The comparison with what Stripe says now; one call, a few where it changes meanwhile.

    Raises StripeObjectMissingError, another StripeError, and UnsettledError.
    """
    for _round in range(ROUNDS):
        reading = patience(lambda: read_subscription(stripe_id, account=account))
        [found] = confirm([reading], account=account)
        if found.is_certain:
            return found
    raise UnsettledError(f"{stripe_id} kept changing while it was compared.")


class Once(Patience):
    """A person waits for the answer: no second attempts, no pauses."""

    def __call__(self, call: Callable[[], T]) -> T:
        return call()


ONCE = Once(TokenBucket(rate=20.0))


def compare_once(stripe_id: str, *, account: str) -> Comparison:
    """`compare_by_id` for somebody who waits; raises the same at once."""
    return compare_by_id(stripe_id, account=account, patience=ONCE)
