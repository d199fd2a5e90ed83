"""How fast Stripe is asked where nothing else is said."""

from __future__ import annotations

from ..conf import settings

LIVE_RATE, TEST_RATE = 20.0, 10.0
"""Calls a second. Stripe allows 25 on one endpoint, and 25 in all in test mode.
https://docs.stripe.com/rate-limits"""


def default_rate() -> float:
    return LIVE_RATE if settings.livemode else TEST_RATE
