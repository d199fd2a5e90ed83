"""Stripe's meters, mirrored when usage is sent: how each adds up what it is told."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from ..exceptions import StripeError
from ..models import Meter, UsageRecord
from ..rules.json_values import identifier, mapping, text
from ..stripe_api import pages

logger = logging.getLogger("django_stripe_billing.usage")

KNOWN_FOR = timedelta(days=1)
"""A meter never changes its formula; but another may take over its event name."""


def learn_meters(records: Iterable[UsageRecord]) -> None:
    """Read the meters of records that are not known, or were read a day ago: one call a hundred.

    Where Stripe does not answer, or the key may not, they stay as they are: it holds nothing up.
    """
    wanted = {(record.customer.account, record.meter) for record in records}
    fresh = Meter.objects.filter(read_at__gt=timezone.now() - KNOWN_FOR)
    known = set(fresh.values_list("account", "event_name"))
    for account in sorted({account for account, _ in wanted - known}):
        names = {name for own, name in wanted if own == account}
        try:
            _read(account, names)
        except StripeError as error:
            logger.warning("The meters could not be read: %s", error)


def _read(account: str, names: set[str]) -> None:
    found: dict[str, dict[str, str]] = {}
    for page in pages("/v1/billing/meters", account=account):
        for row in page.rows:
            name = text(row.get("event_name"), longest=100)
            if row.get("status") == "active" or name not in found:
                aggregation = mapping(row.get("default_aggregation"))
                formula = text(aggregation.get("formula"), longest=16)
                found[name] = {"stripe_id": identifier(row.get("id")), "formula": formula}
    for name in names:
        known = found.get(name, {"stripe_id": "", "formula": ""})
        values = {**known, "read_at": timezone.now()}
        Meter.objects.update_or_create(account=account, event_name=name, defaults=values)


def meter_of(record: UsageRecord) -> Meter | None:
    """The meter that counts a record; None while it is not known."""
    own = Meter.objects.filter(account=record.customer.account, event_name=record.meter)
    return own.exclude(stripe_id="").first()
