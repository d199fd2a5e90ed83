"""Has Stripe counted what may have arrived more than a day ago? Its totals tell.

Stripe forgets an identifier after a day, so such a record is not simply sent again. Its total of
the record's minute is compared with what was surely sent: https://docs.stripe.com/api/billing/meter-event-summary/list
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import quote

from django.utils import timezone

from ..exceptions import StripeAuthenticationError, StripeError, StripeUnavailableError
from ..models import Meter, UsageRecord
from ..rules.json_values import objects
from ..rules.usage import was_counted
from ..stripe_api import request
from .aside import is_to_blame, set_aside
from .meters import meter_of

MINUTE = 60

REMEMBERED = timedelta(hours=23)
"""Stripe remembers an identifier for at least 24 hours.
https://docs.stripe.com/api/billing/meter-event/create"""

ADDED_UP = timedelta(hours=1)
"""After that what was sent is surely in Stripe's totals, which are worked out later."""

UNCLEAR = (
    "It may have arrived, and Stripe's total of the minute does not say whether it did. Compare the"
    " meter in Stripe's Dashboard, and send it again if it is missing there."
)

State = UsageRecord.State


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was found out about a batch."""

    unsent: list[UsageRecord]
    """These are to be sent."""
    counted: int
    unclear: int
    aside: int
    """Stripe does not answer about their minute, though it answers."""


def settle_uncertain(records: Sequence[UsageRecord]) -> Judged:
    """Find out about those that may have arrived more than a day ago.

    What was counted is marked as sent, what was not is as if it had never been tried, and what the
    total leaves open, or Stripe does not tell, is for a person. All of a minute are judged by one
    total, before any is sent. Raises StripeUnavailableError and StripeAuthenticationError.
    """
    doubtful = defaultdict(list)
    for record in records:
        if is_doubtful(record):
            minute = int(record.at.timestamp()) // MINUTE
            doubtful[record.customer_id, record.meter, minute].append(record)
    verdicts: dict[int, bool | None] = {}
    aside: set[int] = set()
    for of_a_minute in doubtful.values():
        try:
            verdicts |= _judge(of_a_minute)
        except StripeUnavailableError as error:
            if not is_to_blame(of_a_minute[0], error):
                raise
            set_aside(of_a_minute, error)
            aside |= {record.pk for record in of_a_minute}
    found = list(verdicts.values())
    return Judged(
        unsent=[
            record
            for record in records
            if record.pk not in aside and verdicts.get(record.pk, False) is False
        ],
        counted=found.count(True),
        unclear=found.count(None),
        aside=len(aside),
    )


def is_doubtful(record: UsageRecord) -> bool:
    """It may have arrived, and Stripe may have forgotten that."""
    tried_at = record.first_tried_at
    return bool(record.is_uncertain and tried_at and timezone.now() - tried_at > REMEMBERED)


def _judge(doubtful: Sequence[UsageRecord]) -> dict[int, bool | None]:
    """Whether the doubtful records of one minute were counted, by key, as it is then written.

    None are judged where the meter keeps the last value alone, or is not known: sent again, a value
    does no harm to the one, and the other refuses it.
    """
    meter = meter_of(doubtful[0])
    if meter is None or meter.formula not in {"sum", "count"}:
        return {}
    sure, unsure = _of_the_minute(doubtful[0], meter)
    total = _total(doubtful[0], meter)
    verdicts: dict[int, bool | None] = {}
    for record in doubtful:
        verdict: bool | None = None
        weight = _weight(record, meter)
        if not weight:
            verdict = False
        elif total is not None:
            others = [value for pk, value in unsure.items() if pk != record.pk]
            rest = total - sum(sure, Decimal(0))
            verdict = was_counted(weight, others=others, rest=rest)
        _write(record, verdict)
        verdicts[record.pk] = verdict
    return verdicts


def _write(record: UsageRecord, verdict: bool | None) -> None:
    """What was not counted is as if it had never been tried, and stays claimed."""
    done: dict[str, object]
    if verdict is False:
        done = {"is_uncertain": False, "first_tried_at": None}
    elif verdict:
        done = {"state": State.SENT, "sent_at": timezone.now(), "is_uncertain": False}
        done |= {"error": "", "claimed_until": None}
    else:
        done = {"state": State.UNCLEAR, "error": UNCLEAR, "claimed_until": None}
    UsageRecord.objects.filter(pk=record.pk).update(**done)
    for name, value in done.items():
        setattr(record, name, value)


def _of_the_minute(
    record: UsageRecord, meter: Meter
) -> tuple[Iterable[Decimal], dict[int, Decimal]]:
    """What is surely in the minute's total, and by key what is or is not."""
    start = datetime.fromtimestamp(_first(record), UTC)
    rows = UsageRecord.objects.filter(
        customer=record.customer_id,
        meter=record.meter,
        at__gte=start,
        at__lt=start + timedelta(seconds=MINUTE),
    )
    sure, unsure, added_up = [], {}, timezone.now() - ADDED_UP
    for row in rows:
        if row.state == State.SENT and row.sent_at and row.sent_at <= added_up:
            sure.append(_weight(row, meter))
        elif row.state == State.SENT or row.is_uncertain:
            unsure[row.pk] = _weight(row, meter)
    return sure, unsure


def _weight(record: UsageRecord, meter: Meter) -> Decimal:
    return Decimal(1) if meter.formula == "count" else record.value


def _first(record: UsageRecord) -> int:
    """The second with which the record's minute begins."""
    return int(record.at.timestamp()) // MINUTE * MINUTE


def _total(record: UsageRecord, meter: Meter) -> Decimal | None:
    """None where Stripe does not tell, of a customer who is gone for example."""
    first = _first(record)
    try:
        answer = request(
            "get",
            f"/v1/billing/meters/{quote(meter.stripe_id, safe='')}/event_summaries",
            {
                "customer": record.customer.stripe_id,
                "start_time": first,
                "end_time": first + MINUTE,
            },
            account=record.customer.account,
        )
    except (StripeUnavailableError, StripeAuthenticationError):
        raise
    except StripeError:
        return None
    total = Decimal(0)
    for summary in objects(answer.data):
        try:
            total += Decimal(str(summary.get("aggregated_value")))
        except InvalidOperation:
            continue
    return total
