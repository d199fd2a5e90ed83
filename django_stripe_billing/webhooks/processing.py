"""Verified event → event row and its effects, in one transaction."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from ..conf import settings
from ..connect import is_accepted
from ..exceptions import (
    BillingError,
    ChangesRefusedError,
    StripeAuthenticationError,
    StripeObjectMissingError,
    UnsettledError,
)
from ..models import Customer, Event, Invoice, Price, Product, Subscription
from ..models.mirrored import to_datetime
from ..rules import json_values
from ..rules.events import EventSnapshot, Subject, parse_event, without_bearer_values
from ..stripe_api import fetch_invoice_money, fetch_subscription, request, without_secrets
from ..sync import begun_anew
from .answers import (
    NOT_ACCEPTED,
    NOTHING,
    OTHER_MODE,
    THIN,
    Fetched,
    Fetches,
    NeedsFetch,
    Result,
    Wanted,
)
from .payments import PAYMENT_HANDLERS, fetch_wanted_payment
from .registry import handlers_for
from .subjects import SUBJECT_HANDLERS
from .trials import TRIAL_HANDLERS

logger = logging.getLogger("django_stripe_billing.webhooks")

FETCHES = 5
"""How often objects are fetched for one event before Stripe is asked to send it again."""

MODELS: dict[Subject, type[Subscription | Customer | Product | Price | Invoice]] = {
    Subject.SUBSCRIPTION: Subscription,
    Subject.CUSTOMER: Customer,
    Subject.PRODUCT: Product,
    Subject.PRICE: Price,
    Subject.INVOICE: Invoice,
}

PATHS = {
    Subject.CUSTOMER: "/v1/customers/",
    Subject.PRODUCT: "/v1/products/",
    Subject.PRICE: "/v1/prices/",
    Subject.INVOICE: "/v1/invoices/",
}


HANDLERS = {**SUBJECT_HANDLERS, **PAYMENT_HANDLERS, **TRIAL_HANDLERS}


class WrongModeError(BillingError):
    """A live event at a test key, or the other way round; the event is recorded as rejected."""


Allow = Callable[[Event], None]
"""Looks at what an event has changed, in its transaction; raises ChangesRefusedError to undo it."""


def receive(payload: dict[str, Any], *, allow: Allow | None = None) -> Event | None:
    """Store and process a verified event; None when the payload is no event.

    The event row, the effects and the `processed` mark commit together. On failure the effects are
    rolled back, a `failed` row keeps the error, and the exception goes on to the caller. A
    duplicate of a settled event does nothing. Raises WrongModeError, and what `allow` raises.
    """
    snapshot = parse_event(payload)
    if snapshot is None:
        return None
    if snapshot.livemode is not settings.livemode and not _is_expected_test(snapshot):
        _reject(snapshot, payload)
        raise WrongModeError(f"{snapshot.id} is of the other mode than the API key.")
    return _process(snapshot, payload, again=False, allow=allow)


def process_again(event: Event, *, allow: Allow | None = None) -> Event:
    """Process a stored event once more, settled or not; raises what its processing raises."""
    snapshot = parse_event(event.payload)
    if snapshot is None or (
        snapshot.livemode is not settings.livemode and not _is_expected_test(snapshot)
    ):
        raise WrongModeError(f"{event.stripe_id} is of the other mode than the API key.")
    return _process(snapshot, event.payload, again=True, allow=allow)


def _process(
    snapshot: EventSnapshot, payload: dict[str, Any], *, again: bool, allow: Allow | None
) -> Event:
    fetches: Fetches = {}
    try:
        for _attempt in range(FETCHES + 1):
            try:
                return _store_and_apply(snapshot, payload, fetches, again=again, allow=allow)
            except NeedsFetch as need:
                try:
                    fetches[need.wanted] = _fetch(need.wanted, account=snapshot.account)
                except (StripeObjectMissingError, StripeAuthenticationError) as error:
                    if not need.may_lack or error.status == 401:
                        raise
                    logger.warning("%s is done without: %s", need.wanted.id, error)
                    fetches[need.wanted] = NOTHING
        raise UnsettledError(f"The object of {snapshot.id} changed during {FETCHES} fetches.")
    except ChangesRefusedError:
        raise
    except Exception as error:
        _record_failure(snapshot, payload, error)
        raise


@begun_anew
def _store_and_apply(
    snapshot: EventSnapshot,
    payload: dict[str, Any],
    fetches: Fetches,
    *,
    again: bool,
    allow: Allow | None,
) -> Event:
    with transaction.atomic():
        refusal = _refusal(snapshot)
        expected = refusal or Result(status=_expected_status(snapshot))
        event, is_new = _insert(snapshot, payload, expected)
        if not is_new and event.is_settled and not again:
            return event
        result = refusal or _apply(snapshot, fetches)
        if allow is not None:
            allow(event)
        is_as_stored = is_new and result == expected
        event.status, event.note, event.error = result.status, result.note, ""
        if refusal is None:
            _tell(event)
        if not is_as_stored:
            event.attempts += 0 if is_new else 1
            event.processed_at = timezone.now()
            event.save(update_fields=["status", "note", "error", "attempts", "processed_at"])
        return event


def _refusal(snapshot: EventSnapshot) -> Result | None:
    """Why an event is kept and not looked at; None for one that is."""
    if not is_accepted(snapshot.account):
        return NOT_ACCEPTED
    return OTHER_MODE if _is_expected_test(snapshot) else None


def _is_expected_test(snapshot: EventSnapshot) -> bool:
    """A live Connect endpoint is told test events, too. https://docs.stripe.com/connect/webhooks"""
    return bool(snapshot.account) and settings.livemode and snapshot.livemode is False


def _insert(
    snapshot: EventSnapshot, payload: dict[str, Any], expected: Result
) -> tuple[Event, bool]:
    """The event's row and whether it is new; a known one is locked."""
    event = _row(snapshot, payload, status=expected.status)
    event.note = expected.note
    event.processed_at = timezone.now()
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        known = Event.objects.select_for_update()
        return known.get(account=snapshot.account, stripe_id=snapshot.id), False
    return event, True


def _expected_status(snapshot: EventSnapshot) -> str:
    """The status that most events of the type end with, so that most need no second write."""
    if snapshot.subject is None and not handlers_for(snapshot.type, account=snapshot.account):
        return Event.Status.IGNORED
    return Event.Status.PROCESSED


def _apply(snapshot: EventSnapshot, fetches: Fetches) -> Result:
    if snapshot.subject is not None:
        return HANDLERS[snapshot.subject](snapshot, fetches)
    result = Result(status=_expected_status(snapshot))
    return THIN if snapshot.is_thin and result.status == Event.Status.IGNORED else result


def _tell(event: Event) -> None:
    """Call the project's handlers, each in a savepoint.

    That finds out when one swallowed an error of the database, which would otherwise turn the
    commit into a silent rollback.
    """
    for handler in handlers_for(event.type, account=event.account):
        with transaction.atomic():
            handler(event)


def _fetch(wanted: Wanted, *, account: str) -> Fetched:
    """Fetch an object by id, with no transaction open; the revision is noted before.

    Raises StripeObjectMissingError: that Stripe does not know an object is no proof that it was
    deleted, it may be the key that is another account's. When it was, the event that says so comes,
    and settles this one.
    """
    if wanted.subject is Subject.PAYMENT:
        return fetch_wanted_payment(wanted, account=account)
    if wanted.subject is Subject.INVOICE_MONEY:
        answer = fetch_invoice_money(wanted.id, account=account)
        return Fetched(data=answer.data, interval=answer.interval, revision=-1)
    with transaction.atomic(durable=True):
        revision = (
            MODELS[wanted.subject]
            ._default_manager.filter(account=account, stripe_id=wanted.id)
            .values_list("revision", flat=True)
            .first()
        )
    if wanted.subject is Subject.SUBSCRIPTION:
        answer = fetch_subscription(wanted.id, account=account)
    else:
        path = PATHS[wanted.subject] + quote(wanted.id, safe="")
        answer = request("get", path, account=account)
    return Fetched(
        data=answer.data, interval=answer.interval, revision=-1 if revision is None else revision
    )


def _row(snapshot: EventSnapshot, payload: dict[str, Any], *, status: str) -> Event:
    return Event(
        stripe_id=snapshot.id,
        account=snapshot.account,
        type=snapshot.type,
        api_version=snapshot.api_version,
        livemode=bool(snapshot.livemode),
        stripe_created_at=to_datetime(snapshot.created),
        object_id=snapshot.object_id,
        customer_id=snapshot.customer_id,
        payload=without_bearer_values(payload),
        status=status,
    )


def _reject(snapshot: EventSnapshot, payload: dict[str, Any]) -> None:
    row = _row(snapshot, payload, status=Event.Status.REJECTED)
    row.error = "The event is of the other mode (live or test) than the API key."
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return


def _record_failure(snapshot: EventSnapshot, payload: dict[str, Any], error: Exception) -> None:
    """Keep what went wrong, in a transaction of its own; a database that is down keeps nothing."""
    text = json_values.text(without_secrets(f"{type(error).__name__}: {error}"), longest=2000)
    trace = without_secrets("".join(traceback.format_exception(error)))
    logger.error("Event %s (%s) failed: %s\n%s", snapshot.id, snapshot.type, text, trace)
    try:
        with transaction.atomic():
            row = _row(snapshot, payload, status=Event.Status.FAILED)
            row.error = text
            row.save(force_insert=True)
    except IntegrityError:
        Event.objects.filter(account=snapshot.account, stripe_id=snapshot.id).exclude(
            status__in=[Event.Status.PROCESSED, Event.Status.STALE, Event.Status.IGNORED]
        ).update(status=Event.Status.FAILED, error=text, attempts=F("attempts") + 1)
