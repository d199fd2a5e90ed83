"""What the dashboard shows of this very moment, however large the tables are."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from ..models import Event, ReconcileRun
from ..rules.figures import Span
from ..rules.revenue import percentile
from .revenue import ACCOUNT

SAMPLE = 1000
"""From how many events, the newest, the times of processing are taken."""


def processing_times(parts: list[Span]) -> dict[str, Any]:
    """Seconds from Stripe's `created` until an event was processed: p50 and p95. One query."""
    begins = datetime.combine(parts[0].begins, time(), UTC)
    timed = Event.objects.filter(
        received_at__gte=begins, processed_at__isnull=False, stripe_created_at__isnull=False
    )
    newest: Any = timed.order_by("-received_at").values_list("stripe_created_at", "processed_at")
    seconds = [max((done - made).total_seconds(), 0.0) for made, done in newest[:SAMPLE]]
    return {
        "p50": percentile(seconds, 0.5),
        "p95": percentile(seconds, 0.95),
        "timed": len(seconds),
    }


def last_run() -> ReconcileRun | None:
    """The last reconcile run over the whole account. One query."""
    runs = ReconcileRun.objects.filter(account=ACCOUNT, options__customer_id="")
    return runs.order_by("-pk").first()
