"""What events about payment methods do."""

from __future__ import annotations

from ..rules.events import EventSnapshot
from ..rules.json_values import customer_of
from ..rules.payment_methods import parse_payment_method
from ..sync import apply_payment_method, forget_payment_method
from .answers import PROCESSED, UNREADABLE, Fetches, Result


def on_payment_method(event: EventSnapshot, fetches: Fetches) -> Result:
    """Keep what is shown of the payment method on file: brand, last four, expiry."""
    method = parse_payment_method(event.object)
    if method is None:
        return UNREADABLE
    if event.type == "payment_method.detached":
        forget_payment_method(
            method.id,
            customer_id=customer_of(event.previous),
            observed=event.created,
            account=event.account,
        )
        return PROCESSED
    apply_payment_method(
        method,
        observed=event.created,
        account=event.account,
        is_new=event.type == "payment_method.attached",
    )
    return PROCESSED
