"""What app code says of usage, and asks of it: the database alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Min, OuterRef, Subquery, Sum
from django.utils import timezone

from ..conf import settings
from ..exceptions import UsageError
from ..models import Customer, Meter, SubscriptionItem, UsageRecord
from ..models.usage import new_identifier
from ..rules.snapshots import ENDED_STATUSES

OLDEST, NEWEST = timedelta(days=35), timedelta(minutes=5)
"""What Stripe takes, seen from now.
https://docs.stripe.com/api/billing/meter-event/create#create_billing_meter_event-timestamp"""

LONGEST = 100
DECIMALS = 6
LARGEST = Decimal(10) ** 17


def report(
    subscriber: Any,
    meter: str,
    value: int | Decimal,
    *,
    at: datetime | None = None,
    identifier: str | None = None,
) -> UsageRecord:
    """Write down that a subscriber has used `value` of a meter; `manage.py send_usage` sends it.

    `meter` is the event name of the meter in Stripe, `at` an aware datetime from 35 days ago to
    five minutes ahead (default now), `identifier` up to 100 characters that name this usage:
    reported again with the same identifier, it is the same row. Part of the caller's transaction:
    rolled back, it never happened. Raises UsageError for anything that Stripe would refuse, and for
    an identifier that names another usage.
    """
    now = timezone.now()
    moment = at or now
    number = _number(value)
    if not meter or len(meter) > LONGEST:
        raise UsageError(f"The meter's event name has 1 to {LONGEST} characters.")
    if moment.tzinfo is None:
        raise UsageError("The time of the usage has no time zone.")
    if not now - OLDEST < moment <= now + NEWEST:
        raise UsageError("Stripe takes usage from 35 days ago to five minutes ahead.")
    name = new_identifier() if identifier is None else identifier
    if not name or len(name) > LONGEST:
        raise UsageError(f"The identifier has 1 to {LONGEST} characters.")
    customer = _customer(subscriber)
    try:
        with transaction.atomic():
            return UsageRecord.objects.create(
                customer=customer, meter=meter, value=number, at=moment, identifier=name
            )
    except IntegrityError:
        known = UsageRecord.objects.get(identifier=name)
    if (known.customer_id, known.meter, known.value) != (customer.pk, meter, number):
        raise UsageError(f"The identifier {name!r} names another usage.")
    return known


def total(subscriber: Any, meter: str, *, since: datetime | None = None) -> Decimal:
    """How much of a meter a subscriber has used in the current period; see `totals`."""
    return totals(subscriber, since=since).get(meter, Decimal(0))


def totals(subscriber: Any, *, since: datetime | None = None) -> dict[str, Decimal]:
    """What a subscriber has used in the current period, as reported here, by meter; two queries.

    Added up as the meter does at Stripe: `sum`, `count` or `last`. How it does is known from the
    first `send_usage` on; until then the values are summed. The period is that of their live
    subscription, the earliest of its items; without one, the last 30 days. `since` counts from
    another moment.
    """
    if getattr(subscriber, "pk", None) is None:
        return {}
    own = UsageRecord.objects.filter(
        customer__account="",
        customer__subscriber=subscriber,
        at__gte=since or _period_start(subscriber),
    ).exclude(state=UsageRecord.State.REFUSED)
    latest = own.filter(meter=OuterRef("meter")).order_by("-at", "-pk").values("value")
    formula = Meter.objects.filter(account="", event_name=OuterRef("meter")).values("formula")
    found = own.order_by("meter").values("meter")
    found = found.annotate(
        sum=Sum("value"),
        count=Count("pk"),
        last=Subquery(latest[:1]),
        formula=Subquery(formula[:1]),
    )
    totals: dict[str, Decimal] = {}
    for row in found:
        by_formula = {"count": row["count"], "last": row["last"]}
        totals[row["meter"]] = Decimal(by_formula.get(row["formula"] or "", row["sum"]))
    return totals


def _period_start(subscriber: Any) -> datetime:
    items = SubscriptionItem.objects.filter(
        subscription__customer__account="", subscription__customer__subscriber=subscriber
    ).exclude(subscription__status__in=ENDED_STATUSES)
    start: datetime | None = items.aggregate(start=Min("current_period_start_at"))["start"]
    return start or timezone.now() - timedelta(days=30)


def _customer(subscriber: Any) -> Customer:
    """The subscriber's row; one that is in Stripe later is enough to write down what they use."""
    own = Customer.objects.filter(account="", subscriber=subscriber, is_deleted=False)
    found = own.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Customer.objects.create(subscriber=subscriber, livemode=settings.livemode)
    except IntegrityError:
        return own.get()


def _number(value: int | Decimal) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UsageError("The value is an int or a Decimal: a float would be rounded.")
    try:
        number = Decimal(value)
        exact = number == number.quantize(Decimal(1).scaleb(-DECIMALS))
    except InvalidOperation:
        exact = False
    if not exact or not 0 <= number < LARGEST:
        raise UsageError(f"The value is from 0 to 10^17, with at most {DECIMALS} decimals.")
    return number
