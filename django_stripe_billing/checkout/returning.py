"""The way back from Stripe: what became of a checkout, as Stripe says and not the redirect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..access import FeatureAccess, entitlements
from ..exceptions import (
    CheckoutNotFoundError,
    StripeObjectMissingError,
    StripeUnavailableError,
    UnsettledError,
)
from ..models import CheckoutSession, Customer, Subscription
from ..rules.entitlements import PAID_STATUSES
from ..rules.snapshots import parse_checkout_session
from ..stripe_api import request
from ..sync import Cause, sync_subscription

_SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{1,200}")


@dataclass(frozen=True, kw_only=True)
class ReturnState:
    """What the visitor is told."""

    status: str
    """`active`, `waiting` for Stripe, `open` (not paid), or `expired`."""


@dataclass(frozen=True, kw_only=True)
class BillingStatus:
    """What a subscriber has now."""

    is_active: bool
    features: dict[str, FeatureAccess]


def read_return(subscriber: Any, session_id: str) -> ReturnState:
    """Ask Stripe about the subscriber's own session, and store what was bought through the door.

    Raises CheckoutNotFoundError for a session that is not theirs, or is none. While Stripe does not
    answer, the state is `waiting`.
    """
    customer = Customer.objects.filter(account="", subscriber=subscriber).first()
    if customer is None or not customer.stripe_id or not _SESSION_ID.fullmatch(session_id):
        raise CheckoutNotFoundError("There is no such checkout.")
    stored = CheckoutSession.objects.filter(account="", stripe_id=session_id)
    if stored.exclude(customer=customer).exists():
        raise CheckoutNotFoundError("There is no such checkout.")
    try:
        answer = request("get", f"/v1/checkout/sessions/{session_id}")
    except StripeObjectMissingError:
        raise CheckoutNotFoundError("There is no such checkout.") from None
    except StripeUnavailableError:
        if not stored.exists():
            raise CheckoutNotFoundError("There is no such checkout.") from None
        return ReturnState(status="waiting")
    session = parse_checkout_session(answer.data)
    if session is None or session.id != session_id or session.customer_id != customer.stripe_id:
        raise CheckoutNotFoundError("There is no such checkout.")
    if session.status in {"complete", "expired"}:
        stored.update(status=session.status, open_for=None)
    if session.status != "complete":
        return ReturnState(status=session.status if session.status == "open" else "expired")
    if not session.subscription_id:
        return ReturnState(status="waiting")
    try:
        sync_subscription(session.subscription_id, cause=Cause(kind="checkout", id=session.id))
    except (StripeUnavailableError, UnsettledError):
        return ReturnState(status="waiting")
    bought = Subscription.objects.filter(account="", stripe_id=session.subscription_id)
    is_paid = bought.filter(customer=customer, status__in=PAID_STATUSES).exists()
    return ReturnState(status="active" if is_paid else "waiting")


def status_of(subscriber: Any, *, session_id: str = "") -> BillingStatus:
    """What a subscriber has now, from the database alone; two queries, three with a session.

    With the id of a Checkout Session of theirs, they are active once that one is complete.
    """
    is_active = Subscription.objects.filter(
        customer__account="",
        customer__subscriber=subscriber,
        customer__is_deleted=False,
        status__in=PAID_STATUSES,
    ).exists()
    if is_active and session_id:
        is_active = _is_complete(subscriber, session_id)
    return BillingStatus(is_active=is_active, features=entitlements(subscriber))


def _is_complete(subscriber: Any, session_id: str) -> bool:
    if not _SESSION_ID.fullmatch(session_id):
        return False
    own = CheckoutSession.objects.filter(account="", customer__subscriber=subscriber)
    return own.filter(stripe_id=session_id, status="complete").exists()
