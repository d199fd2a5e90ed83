"""What events mean for trials: the card that one is taken with."""

from __future__ import annotations

from ..rules.events import EventSnapshot, Subject
from ..rules.json_values import customer_of
from ..rules.trials import fingerprint_of
from ..sync import Cause, claim_card
from . import subjects
from .answers import PROCESSED, Fetches, Result
from .subjects import SubjectHandler

TELLING = {
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.updated",
}
"""Events that name a customer's card; where the first was lost, another may tell of it."""


def on_payment_method(event: EventSnapshot, fetches: Fetches) -> Result:
    """A card is a customer's: had somebody a trial with it before?"""
    others = subjects.SUBJECT_HANDLERS.get(Subject.PAYMENT_METHOD)
    result = others(event, fetches) if others else PROCESSED
    if event.type in TELLING:
        claim_card(
            customer_of(event.object),
            fingerprint_of(event.object),
            account=event.account,
            cause=Cause(kind="event", id=event.id),
        )
    return result


TRIAL_HANDLERS: dict[Subject, SubjectHandler] = {Subject.PAYMENT_METHOD: on_payment_method}
