"""A limit on what calls Stripe, so that nobody spends the account's allowance for everybody.

Counted by user in Django's default cache, pages and REST together. The counter is the cache's own
`incr`, so requests at the same time are all counted.
https://docs.stripe.com/rate-limits
"""

from __future__ import annotations

import logging
import time
from hashlib import sha256
from typing import Any

from django.core.cache import cache

from .conf import settings
from .exceptions import TooManyRequestsError

logger = logging.getLogger("django_stripe_billing.throttling")


def count_request(user: Any) -> None:
    """Count a request that may call Stripe. Raises TooManyRequestsError beyond `THROTTLE`.

    A cache that is down, stores nothing, or forgets lets everything through: who pays is not to
    be kept out by it.
    """
    rate, now = settings.throttle, time.time()
    if rate is None:
        return
    who = sha256(str(user.pk).encode()).hexdigest()[:32]
    key = f"stripe_billing:throttle:{who}:{rate.seconds}:{rate.window(now)}"
    try:
        cache.add(key, 0, timeout=rate.seconds)
        used = cache.incr(key)
    except ValueError:  # it was thrown out meanwhile
        return
    except Exception:  # each backend has errors of its own
        logger.warning("The cache does not answer, so nobody is throttled", exc_info=True)
        return
    if used > rate.number:
        raise TooManyRequestsError("Too many requests.", retry_after=rate.wait(now))
