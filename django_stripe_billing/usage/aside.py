"""Records that get no answer again and again while Stripe gives others: they are tried later, and
hold nobody up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from ..exceptions import StripeError, StripeRateLimitError, StripeUnavailableError
from ..models import UsageRecord
from ..stripe_api import request, without_secrets

logger = logging.getLogger("django_stripe_billing.usage")

BLAMED_FROM = 3
"""Attempts that a record has before it is asked whether the trouble is its own."""

STEP, LONGEST_STEPS = timedelta(minutes=10), 6
"""It is tried again after as many steps as it has attempts, within the hour."""


def is_to_blame(record: UsageRecord, error: StripeUnavailableError) -> bool:
    """Whether Stripe answers, only not about this record; one call, for one that failed before."""
    if record.attempts < BLAMED_FROM or isinstance(error, StripeRateLimitError):
        return False
    try:
        request("get", "/v1/billing/meters", {"limit": 1}, account=record.customer.account)
    except StripeError:
        return False
    return True


def set_aside(records: Sequence[UsageRecord], error: StripeError) -> None:
    """Leave them for later; their claim keeps them out of every round until then."""
    for record in records:
        logger.error("Stripe does not answer about usage %r: %s", record.identifier, error)
        own = UsageRecord.objects.filter(pk=record.pk, state=UsageRecord.State.PENDING)
        own.update(
            claimed_until=timezone.now() + STEP * min(record.attempts, LONGEST_STEPS),
            error=without_secrets(str(error))[:2000],
        )
