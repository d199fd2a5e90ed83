"""What each kind of event does to the database, inside the event's transaction.

A handler returns what became of the event, or raises NeedsFetch: then the transaction is rolled
back, Stripe is asked with none open, and the event is processed again with the answer at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ..models import CheckoutSession, Entitlement, Event, Subscription
from ..rules import snapshots
from ..rules.catalog_snapshots import parse_price, parse_product
from ..rules.events import EventSnapshot, Subject
from ..rules.invoices import parse_invoice
from ..rules.ordering import Verdict, of_event
from ..sync import (
    InvoiceReading,
    SubscriptionReading,
    apply_customer,
    apply_invoice,
    apply_price,
    apply_product,
    apply_subscriptions,
    close_sessions,
    tell_of_trial_end,
)
from .answers import (
    PROCESSED,
    UNREADABLE,
    Fetched,
    Fetches,
    NeedsFetch,
    Result,
    Wanted,
    cause,
    fetched_or_none,
    result,
)
from .invoices import on_invoice, on_upcoming_invoice
from .payment_methods import on_payment_method

Snapshot = TypeVar("Snapshot")


def on_subscription(event: EventSnapshot, fetches: Fetches) -> Result:
    wanted = Wanted(subject=Subject.SUBSCRIPTION, id=event.object_id)
    fetched = fetched_or_none(event, wanted, fetches)
    snapshot = snapshots.parse_subscription(fetched.data if fetched else event.object)
    if snapshot is None:
        return UNREADABLE
    latest = Wanted(subject=Subject.INVOICE, id=snapshot.latest_invoice_id)
    apply_fetched_invoice(event, latest, fetches)
    [outcome] = apply_subscriptions(
        [
            SubscriptionReading(
                snapshot=snapshot,
                interval=fetched.interval if fetched else of_event(event.created),
                account=event.account,
                revision=fetched.revision if fetched else None,
            )
        ],
        cause=cause(event),
    )
    told = result(outcome.verdict, wanted)
    if outcome.is_invoice_unknown and latest not in fetches:
        raise NeedsFetch(latest, may_lack=True)
    if event.type == "customer.subscription.trial_will_end":
        tell_of_trial_end(
            Subscription.objects.select_related("customer").get(
                account=event.account, stripe_id=snapshot.id
            )
        )
    return told


def apply_fetched_invoice(event: EventSnapshot, wanted: Wanted, fetches: Fetches) -> None:
    """Grace counts from the oldest unpaid invoice: where its event was lost or comes later, the
    latest invoice was fetched, or the grace of somebody who pays yearly would be long over."""
    fetched = fetches.get(wanted)
    invoice = parse_invoice(fetched.data) if fetched else None
    if fetched is not None and invoice is not None and invoice.id == wanted.id:
        apply_invoice(
            InvoiceReading(
                snapshot=invoice,
                interval=fetched.interval,
                account=event.account,
                revision=fetched.revision,
            ),
            cause=cause(event),
        )


def on_customer(event: EventSnapshot, fetches: Fetches) -> Result:
    apply = partial(apply_customer, cause=cause(event))
    return _mirrored(event, fetches, Subject.CUSTOMER, snapshots.parse_customer, apply)


def on_product(event: EventSnapshot, fetches: Fetches) -> Result:
    apply = partial(apply_product, cause=cause(event))
    return _mirrored(event, fetches, Subject.PRODUCT, parse_product, apply)


def on_price(event: EventSnapshot, fetches: Fetches) -> Result:
    return _mirrored(event, fetches, Subject.PRICE, parse_price, apply_price)


def on_checkout_session(event: EventSnapshot, fetches: Fetches) -> Result:
    """Close our row, and make sure that the subscription which was bought is known."""
    session = snapshots.parse_checkout_session(event.object)
    if session is None:
        return UNREADABLE
    if session.status in {"complete", "expired"}:
        own = CheckoutSession.objects.filter(account=event.account, stripe_id=session.id)
        close_sessions(own, session.status)
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
    Subject.INVOICE: on_invoice,
    Subject.UPCOMING_INVOICE: on_upcoming_invoice,
    Subject.PAYMENT_METHOD: on_payment_method,
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
        cause=cause(event),
    )
    return result(outcome.verdict, wanted)


def _mirrored(
    event: EventSnapshot,
    fetches: Fetches,
    subject: Subject,
    parse: Callable[[object], Snapshot | None],
    apply: Callable[..., Verdict],
) -> Result:
    """What is read whole from its event, or from what was fetched."""
    wanted = Wanted(subject=subject, id=event.object_id)
    fetched = None if event.is_deletion else fetched_or_none(event, wanted, fetches)
    snapshot = parse(_data(event, fetched))
    if snapshot is None:
        return UNREADABLE
    verdict = apply(
        snapshot,
        fetched.interval if fetched else of_event(event.created),
        account=event.account,
        revision=fetched.revision if fetched else None,
    )
    return result(verdict, wanted)


def _data(event: EventSnapshot, fetched: Fetched | None) -> object:
    if event.is_deletion:
        return {**event.object, "deleted": True}
    return fetched.data if fetched else event.object
