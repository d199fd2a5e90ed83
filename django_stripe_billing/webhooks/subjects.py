"""What each kind of event does to the database, inside the event's transaction.

A handler returns what became of the event, or raises NeedsFetch: then the transaction is rolled
back, Stripe is asked with none open, and the event is processed again with the answer at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..models import CheckoutSession, Entitlement, Event, Subscription
from ..rules import snapshots
from ..rules.events import EventSnapshot, Subject
from ..rules.ordering import Interval, Verdict, of_event
from ..sync import (
    Cause,
    SubscriptionReading,
    apply_customer,
    apply_price,
    apply_product,
    apply_subscriptions,
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of an event."""

    status: str
    note: str = ""


PROCESSED = Result(status=Event.Status.PROCESSED)
STALE = Result(status=Event.Status.STALE, note="Something newer was known; nothing was changed.")
THIN = Result(
    status=Event.Status.IGNORED,
    note="A thin event names its object and does not hold it: give the endpoint snapshot payloads.",
)
UNREADABLE = Result(status=Event.Status.IGNORED, note="The object lacks its id; nothing to do.")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An object to fetch from Stripe by its id."""

    subject: Subject
    id: str


class NeedsFetch(Exception):
    """The payload can't be trusted to be newer or older than what is stored."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(f"{wanted.subject.value} {wanted.id}")
        self.wanted = wanted


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A fetched object: Stripe's answer, and the revision noted before the request left."""

    data: dict[str, object]
    interval: Interval
    revision: int


Fetches = dict[Wanted, Fetched]


def on_subscription(event: EventSnapshot, fetches: Fetches) -> Result:
    wanted = Wanted(subject=Subject.SUBSCRIPTION, id=event.object_id)
    fetched = _fetched(event, wanted, fetches)
    snapshot = snapshots.parse_subscription(fetched.data if fetched else event.object)
    if snapshot is None:
        return UNREADABLE
    [outcome] = apply_subscriptions(
        [
            SubscriptionReading(
                snapshot=snapshot,
                interval=fetched.interval if fetched else of_event(event.created),
                account=event.account,
                revision=fetched.revision if fetched else None,
            )
        ],
        cause=_cause(event),
    )
    return _result(outcome.verdict, wanted)


def on_customer(event: EventSnapshot, fetches: Fetches) -> Result:
    wanted = Wanted(subject=Subject.CUSTOMER, id=event.object_id)
    fetched = None if event.is_deletion else _fetched(event, wanted, fetches)
    snapshot = snapshots.parse_customer(_data(event, fetched))
    if snapshot is None:
        return UNREADABLE
    verdict = apply_customer(
        snapshot,
        fetched.interval if fetched else of_event(event.created),
        account=event.account,
        revision=fetched.revision if fetched else None,
        cause=_cause(event),
    )
    return _result(verdict, wanted)


def on_product(event: EventSnapshot, fetches: Fetches) -> Result:
    wanted = Wanted(subject=Subject.PRODUCT, id=event.object_id)
    fetched = None if event.is_deletion else _fetched(event, wanted, fetches)
    snapshot = snapshots.parse_product(_data(event, fetched))
    if snapshot is None:
        return UNREADABLE
    verdict = apply_product(
        snapshot,
        fetched.interval if fetched else of_event(event.created),
        account=event.account,
        revision=fetched.revision if fetched else None,
        cause=_cause(event),
    )
    return _result(verdict, wanted)


def on_price(event: EventSnapshot, fetches: Fetches) -> Result:
    wanted = Wanted(subject=Subject.PRICE, id=event.object_id)
    fetched = None if event.is_deletion else _fetched(event, wanted, fetches)
    snapshot = snapshots.parse_price(_data(event, fetched))
    if snapshot is None:
        return UNREADABLE
    verdict = apply_price(
        snapshot,
        fetched.interval if fetched else of_event(event.created),
        account=event.account,
        revision=fetched.revision if fetched else None,
    )
    return _result(verdict, wanted)


def on_checkout_session(event: EventSnapshot, fetches: Fetches) -> Result:
    """Close our row, and make sure that the subscription which was bought is known."""
    session = snapshots.parse_checkout_session(event.object)
    if session is None:
        return UNREADABLE
    if session.status in {"complete", "expired"}:
        CheckoutSession.objects.filter(account=event.account, stripe_id=session.id).update(
            status=session.status, open_for=None
        )
    if not session.subscription_id:
        return PROCESSED
    wanted = Wanted(subject=Subject.SUBSCRIPTION, id=session.subscription_id)
    fetched = fetches.get(wanted)
    if fetched is None:
        is_known = Subscription.objects.filter(
            account=event.account, stripe_id=session.subscription_id
        ).exists()
        if is_known:
            return PROCESSED
        raise NeedsFetch(wanted)
    return _apply_fetched(event, wanted, fetched)


def on_entitlement_summary(event: EventSnapshot, fetches: Fetches) -> Result:
    """A hint, at most ten entries: what it names beyond what we derived is worth a note."""
    summary = snapshots.parse_entitlement_summary(event.object)
    if summary is None:
        return UNREADABLE
    held = Entitlement.objects.filter(
        customer__stripe_id=summary.customer_id, customer__account=event.account
    ).values_list("feature__lookup_key", flat=True)
    missing = sorted(summary.lookup_keys.difference(held))
    if not missing:
        return PROCESSED
    return Result(
        status=Event.Status.PROCESSED,
        note="Stripe lists features that are not granted here (yet): "
        + ", ".join(missing)
        + ". If that stays so, run sync_catalog and reconcile_entitlements.",
    )


SubjectHandler = Callable[[EventSnapshot, Fetches], Result]

SUBJECT_HANDLERS: dict[Subject, SubjectHandler] = {
    Subject.SUBSCRIPTION: on_subscription,
    Subject.CUSTOMER: on_customer,
    Subject.PRODUCT: on_product,
    Subject.PRICE: on_price,
    Subject.CHECKOUT_SESSION: on_checkout_session,
    Subject.ENTITLEMENT_SUMMARY: on_entitlement_summary,
}


def _apply_fetched(event: EventSnapshot, wanted: Wanted, fetched: Fetched) -> Result:
    snapshot = snapshots.parse_subscription(fetched.data)
    if snapshot is None:
        return UNREADABLE
    [outcome] = apply_subscriptions(
        [
            SubscriptionReading(
                snapshot=snapshot,
                interval=fetched.interval,
                account=event.account,
                revision=fetched.revision,
            )
        ],
        cause=_cause(event),
    )
    return _result(outcome.verdict, wanted)


def _fetched(event: EventSnapshot, wanted: Wanted, fetches: Fetches) -> Fetched | None:
    """The fetched object; None when the payload itself is to be judged."""
    fetched = fetches.get(wanted)
    if fetched is None and event.object_id and not event.has_known_shape:
        raise NeedsFetch(wanted)
    return fetched


def _data(event: EventSnapshot, fetched: Fetched | None) -> object:
    if event.is_deletion:
        return {**event.object, "deleted": True}
    return fetched.data if fetched else event.object


def _result(verdict: Verdict, wanted: Wanted) -> Result:
    if verdict is Verdict.AMBIGUOUS:
        raise NeedsFetch(wanted)
    return STALE if verdict is Verdict.STALE else PROCESSED


def _cause(event: EventSnapshot) -> Cause:
    return Cause(kind="event", id=event.id)
