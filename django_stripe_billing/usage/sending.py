"""The outbox: usage records to Stripe, in batches, each counted once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from ..exceptions import StripeAuthenticationError, StripeError, StripeUnavailableError
from ..models import Customer, UsageRecord
from ..stripe_api import Pace, paced, request, without_secrets
from .aside import is_to_blame, set_aside
from .counted import settle_uncertain
from .meters import learn_meters
from .reporting import OLDEST

logger = logging.getLogger("django_stripe_billing.usage")

BATCH = 100
LEASE = timedelta(minutes=10)
"""How long a batch is its worker's; what a crash left behind is sent again after that."""

MOST_ASIDE = 3
"""In a row: after that it is not the records, but usage that Stripe does not take."""

DUPLICATE = "duplicate_meter_event"
ALREADY = "already exists with identifier"
"""What Stripe says of an identifier that it has counted: the code, or the words without one."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What came of one round."""

    sent: int = 0
    refused: int = 0
    unclear: int = 0
    """Perhaps counted by Stripe, perhaps not: for a person."""
    left: int = 0
    """Claimed and not answered: Stripe is down, or was asked too often."""
    aside: int = 0
    """Not answered again and again, while others are: tried again within the hour."""

    def __add__(self, other: Sent) -> Sent:
        return Sent(
            sent=self.sent + other.sent,
            refused=self.refused + other.refused,
            unclear=self.unclear + other.unclear,
            left=self.left + other.left,
            aside=self.aside + other.aside,
        )


def send_usage(pace: Pace, *, batch: int = BATCH, until: Callable[[], bool] | None = None) -> Sent:
    """Send the pending records of customers that are in Stripe, oldest first, until none is left.

    Stops at the first call that Stripe does not answer: the rest is as likely to fail, and nothing
    is lost by waiting. But a record that failed before, while Stripe answers, is set aside.
    `until()` true stops it after the batch. Raises StripeAuthenticationError.
    """
    done = Sent()
    with paced(pace):
        while not done.left and not (until and until()) and (claimed := _claim(batch)):
            part = _send_batch(claimed)
            done += part
            if part.aside == len(claimed):
                break
    return done


def _send_batch(claimed: list[UsageRecord]) -> Sent:
    learn_meters(claimed)
    sent = refused = unclear = aside = in_a_row = 0
    waiting = claimed
    try:
        judged = settle_uncertain(claimed)
        waiting, sent, unclear = list(judged.unsent), judged.counted, judged.unclear
        aside = judged.aside
        while waiting:
            try:
                is_sent = _send(waiting[0])
            except StripeUnavailableError as error:
                if in_a_row == MOST_ASIDE or not is_to_blame(waiting[0], error):
                    raise
                set_aside([waiting.pop(0)], error)
                aside, in_a_row = aside + 1, in_a_row + 1
                continue
            del waiting[0]
            in_a_row = 0
            sent += is_sent
            refused += not is_sent
    except StripeError as error:
        _give_back(waiting, error)
        if not isinstance(error, StripeUnavailableError):
            raise
    return Sent(sent=sent, refused=refused, unclear=unclear, left=len(waiting), aside=aside)


def _claim(number: int) -> list[UsageRecord]:
    """The next records, and nobody else's for the time of the lease."""
    now = timezone.now()
    skip = connection.features.has_select_for_update_skip_locked
    in_stripe = Customer.objects.filter(stripe_id__isnull=False).values("pk")
    with transaction.atomic():
        rows = (
            UsageRecord.objects.select_for_update(skip_locked=skip)
            .filter(Q(claimed_until=None) | Q(claimed_until__lt=now))
            .filter(state=UsageRecord.State.PENDING, customer__in=in_stripe)
            .order_by("pk")
        )
        mine = [row.pk for row in rows[:number]]
        UsageRecord.objects.filter(pk__in=mine).update(
            claimed_until=now + LEASE, attempts=F("attempts") + 1
        )
    claimed = UsageRecord.objects.filter(pk__in=mine).select_related("customer")
    return list(claimed.order_by("pk"))


def _send(record: UsageRecord) -> bool:
    """Send one record; whether it was taken.

    That an attempt was made is written before it: a crash afterwards leaves a record that may have
    arrived, never one that seems untouched.
    """
    if record.at < timezone.now() - OLDEST:
        return _finish(
            record, UsageRecord.State.REFUSED, "Older than the 35 days that Stripe takes."
        )
    UsageRecord.objects.filter(pk=record.pk).update(
        first_tried_at=record.first_tried_at or timezone.now(), is_uncertain=True
    )
    try:
        request(
            "post",
            "/v1/billing/meter_events",
            {
                "event_name": record.meter,
                "identifier": record.identifier,
                "timestamp": int(record.at.timestamp()),
                "payload": {
                    "stripe_customer_id": record.customer.stripe_id,
                    "value": f"{record.value.normalize():f}",
                },
            },
            account=record.customer.account,
            idempotency_key=_key(record),
        )
    except (StripeUnavailableError, StripeAuthenticationError):
        raise
    except StripeError as error:
        if _is_duplicate(error):
            return _finish(record, UsageRecord.State.SENT)
        logger.error("Stripe refused usage %s: %s", record.identifier, error)
        return _finish(record, UsageRecord.State.REFUSED, str(error))
    return _finish(record, UsageRecord.State.SENT)


def _key(record: UsageRecord) -> str:
    """Another for each attempt: Stripe repeats a 500 for its key, and that the identifier counts
    once does not need one. A header has no room for whatever an identifier is written in."""
    return f"usage-{hashlib.sha256(record.identifier.encode()).hexdigest()}-{record.attempts}"


def _is_duplicate(error: StripeError) -> bool:
    """Stripe has counted the identifier, in whatever words it says so.

    Nothing else can be wrong with an identifier: its length was looked at when it was reported.
    """
    is_about_it = error.param == "identifier" and not error.code.startswith("parameter_")
    return error.code == DUPLICATE or is_about_it or ALREADY in str(error)


def _finish(record: UsageRecord, state: str, error: str = "") -> bool:
    is_sent = state == UsageRecord.State.SENT
    UsageRecord.objects.filter(pk=record.pk).update(
        state=state,
        error=without_secrets(error)[:2000],
        sent_at=timezone.now() if is_sent else None,
        claimed_until=None,
        is_uncertain=False,
    )
    return is_sent


def _give_back(records: list[UsageRecord], error: StripeError) -> None:
    """The first was asked about, the others were not; all are free again at once."""
    UsageRecord.objects.filter(pk__in=[record.pk for record in records]).update(claimed_until=None)
    first = UsageRecord.objects.filter(pk=records[0].pk, state=UsageRecord.State.PENDING)
    first.update(error=without_secrets(str(error))[:2000])
