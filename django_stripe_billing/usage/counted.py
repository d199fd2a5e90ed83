"""Has Stripe counted a record that may have arrived more than a day ago? Its totals tell."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from django.db.models import Count, Sum

from ..models import UsageRecord
from ..rules.json_values import identifier, mapping, objects, text
from ..stripe_api import pages, request

MINUTE = 60


def was_counted(record: UsageRecord) -> bool:
    """Whether Stripe's total of the record's minute holds it, beside those that were surely sent.

    False for a meter that keeps the last value alone: sent again, it does no harm. Raises
    StripeError. https://docs.stripe.com/api/billing/meter-event-summary/list
    """
    meter = _meter(record)
    formula = text(mapping(meter.get("default_aggregation")).get("formula"))
    if formula not in {"sum", "count"}:
        return False
    first = int(record.at.timestamp()) // MINUTE * MINUTE
    others = UsageRecord.objects.filter(
        customer=record.customer_id,
        meter=record.meter,
        state=UsageRecord.State.SENT,
        at__gte=datetime.fromtimestamp(first, UTC),
        at__lt=datetime.fromtimestamp(first + MINUTE, UTC),
    ).aggregate(total=Sum("value"), number=Count("pk"))
    if formula == "sum":
        expected = Decimal(others["total"] or 0) + record.value
    else:
        expected = Decimal(others["number"] + 1)
    return _total(record, identifier(meter), first) >= expected


def _meter(record: UsageRecord) -> dict[str, Any]:
    for page in pages("/v1/billing/meters", account=record.customer.account):
        for meter in page.rows:
            if meter.get("event_name") == record.meter:
                return meter
    return {}


def _total(record: UsageRecord, meter_id: str, first: int) -> Decimal:
    answer = request(
        "get",
        f"/v1/billing/meters/{quote(meter_id, safe='')}/event_summaries",
        {
            "customer": record.customer.stripe_id,
            "start_time": first,
            "end_time": first + MINUTE,
        },
        account=record.customer.account,
    )
    total = Decimal(0)
    for summary in objects(answer.data):
        try:
            total += Decimal(str(summary.get("aggregated_value")))
        except InvalidOperation:
            continue
    return total
