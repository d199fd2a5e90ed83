"""Comparing one subscription with a fetch by its id: the word that is believed."""

from __future__ import annotations

from ..exceptions import UnsettledError
from ..sync import read_subscription
from .comparing import Comparison, confirm
from .patience import Patience

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
