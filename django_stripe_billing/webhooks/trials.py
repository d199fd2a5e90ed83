"""What events mean for trials: the card that one is taken with, and its coming end."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from ..models import Subscription
from ..rules.events import EventSnapshot, Subject
from ..rules.json_values import customer_of
from ..rules.trials import fingerprint_of
from ..signals import trial_will_end
from ..sync import Cause, claim_card
from . import subjects
from .answers import PROCESSED, Fetches, Result
from .subjects import SubjectHandler

WILL_END = "customer.subscription.trial_will_end"
ATTACHED = "payment_method.attached"


def on_subscription(event: EventSnapshot, fetches: Fetches) -> Result:
    """As any subscription's, and the coming end of a trial is announced."""
    result = subjects.on_subscription(event, fetches)
    if event.type == WILL_END:
        row = (
            Subscription.objects.filter(account=event.account, stripe_id=event.object_id)
            .select_related("customer")
            .first()
        )
        if row is not None and row.status == "trialing" and row.trial_end_at is not None:
            transaction.on_commit(partial(_announce, row))
    return result


def on_payment_method(event: EventSnapshot, fetches: Fetches) -> Result:
    """A card was attached to a customer: had somebody a trial with it before?"""
    others = subjects.SUBJECT_HANDLERS.get(Subject.PAYMENT_METHOD)
    result = others(event, fetches) if others else PROCESSED
    if event.type == ATTACHED:
        claim_card(
            customer_of(event.object),
            fingerprint_of(event.object),
            account=event.account,
            cause=Cause(kind="event", id=event.id),
        )
    return result


def _announce(subscription: Subscription) -> None:
    trial_will_end.send_robust(
        sender=Subscription,
        subscription=subscription,
        trial_end_at=subscription.trial_end_at,
    )


TRIAL_HANDLERS: dict[Subject, SubjectHandler] = {
    Subject.SUBSCRIPTION: on_subscription,
    Subject.PAYMENT_METHOD: on_payment_method,
}
