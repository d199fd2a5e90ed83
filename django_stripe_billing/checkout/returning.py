"""The way back from Stripe: what became of a checkout, as Stripe says and not the redirect."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from ..access import FeatureAccess, current, entitlements
from ..conf import settings
from ..exceptions import (
    CheckoutNotFoundError,
    StripeError,
    StripeObjectMissingError,
    StripeUnavailableError,
    UnsettledError,
)
from ..models import CheckoutSession, Customer, Payment, SourceKind, Subscription
from ..rules.entitlements import PAID_STATUSES
from ..rules.payment_snapshots import FAILED, PAID, parse_payment
from ..rules.payments import is_counted
from ..rules.snapshots import CheckoutSessionSnapshot, parse_checkout_session
from ..stripe_api import request
from ..sync import (
    Cause,
    claim_card,
    close_sessions,
    read_fingerprints,
    sync_payment,
    sync_subscription,
)
from .setup import finish_setup

logger = logging.getLogger("django_stripe_billing.checkout")

_SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,200}")


@dataclass(frozen=True, kw_only=True)
class ReturnState:
    """What the visitor is told."""

    status: str
    """`active`, `waiting` for Stripe, `open` (not paid), `expired`, `failed` (the bank refused a
    debit), `refused` (a trial, whose card or address had one before), or `saved` (a card)."""
    mode: str = ""
    """The session's: `subscription`, `payment` or `setup`; '' where Stripe did not say."""


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
    account = _account_of(subscriber, session_id)
    customer = Customer.objects.filter(account=account, subscriber=subscriber).first()
    if customer is None or not customer.stripe_id or not _SESSION_ID.fullmatch(session_id):
        raise CheckoutNotFoundError("There is no such checkout.")
    stored = CheckoutSession.objects.filter(account=account, stripe_id=session_id)
    if stored.exclude(customer=customer).exists():
        raise CheckoutNotFoundError("There is no such checkout.")
    try:
        answer = request("get", f"/v1/checkout/sessions/{session_id}", account=account)
    except StripeObjectMissingError:
        raise CheckoutNotFoundError("There is no such checkout.") from None
    except StripeUnavailableError:
        if not stored.exists():
            raise CheckoutNotFoundError("There is no such checkout.") from None
        return ReturnState(status="waiting")
    session = parse_checkout_session(answer.data)
    if session is None or session.id != session_id or session.customer_id != customer.stripe_id:
        raise CheckoutNotFoundError("There is no such checkout.")
    if session.status in {"complete", "expired"} and session.mode != "setup":
        close_sessions(stored, session.status)
    if session.status != "complete":
        status = "open" if session.status == "open" else "expired"
        return ReturnState(status=status, mode=session.mode)
    settle = RETURNS.get(session.mode)
    try:
        status = settle(customer, session, answer.data) if settle else "waiting"
    except (StripeUnavailableError, UnsettledError):
        status = "waiting"
    return ReturnState(status=status, mode=session.mode)


def _account_of(subscriber: Any, session_id: str) -> str:
    """The connected account in which we opened this session for them; '' for any other session."""
    if not _SESSION_ID.fullmatch(session_id):
        return ""
    sessions = CheckoutSession.objects.exclude(account="")
    own = sessions.filter(stripe_id=session_id, customer__subscriber=subscriber)
    return str(own.values_list("account", flat=True).first() or "")


def _subscribed(customer: Customer, session: CheckoutSessionSnapshot, data: dict[str, Any]) -> str:
    if not session.subscription_id:
        return "waiting"
    cause = Cause(kind="checkout", id=session.id)
    sync_subscription(session.subscription_id, account=customer.account, cause=cause)
    own = Subscription.objects.filter(
        account=customer.account, stripe_id=session.subscription_id, customer=customer
    )
    if own.filter(status="trialing").exists():
        _claim_cards(customer, cause=cause)
    bought = own.filter(status__in=PAID_STATUSES).first()
    if bought is None:
        return "waiting"
    return "refused" if bought.status == "trialing" and bought.is_trial_refused else "active"


def _claim_cards(customer: Customer, *, cause: Cause) -> None:
    """The cards that a trial was begun with: had somebody a trial with one of them before?

    Where they can't be read, a webhook tells of them, or reconcile looks.
    """
    stripe_id, account = str(customer.stripe_id), customer.account
    try:
        fingerprints = read_fingerprints(stripe_id, account=account)
    except StripeError as error:
        logger.warning("The cards of %s are not known: %s", customer, error)
        return
    for fingerprint in fingerprints:
        claim_card(stripe_id, fingerprint, account=account, cause=cause)


def _paid(customer: Customer, session: CheckoutSessionSnapshot, data: dict[str, Any]) -> str:
    found = parse_payment(data)
    if found is None:
        return "waiting"
    account, cause = customer.account, Cause(kind="checkout", id=session.id)
    sync_payment(found, account=account, cause=cause)
    row = Payment.objects.select_related("customer").get(account=account, stripe_id=session.id)
    if row.status == FAILED:
        return "failed"
    return "active" if is_counted(row.purchase(), settings.payment_policy) else "waiting"


def _saved(customer: Customer, session: CheckoutSessionSnapshot, data: dict[str, Any]) -> str:
    row = CheckoutSession.objects.filter(
        account=customer.account, stripe_id=session.id, customer=customer, mode="setup"
    ).first()
    if row is None:
        raise CheckoutNotFoundError("There is no such checkout.")
    return "saved" if finish_setup(customer, row, data) else "waiting"


RETURNS: dict[str, Callable[[Customer, CheckoutSessionSnapshot, dict[str, Any]], str]] = {
    "subscription": _subscribed,
    "payment": _paid,
    "setup": _saved,
}
"""By the session's mode: store what was bought, and say what became of it."""


def status_of(subscriber: Any, *, session_id: str = "") -> BillingStatus:
    """What a subscriber has now, from the database alone; two queries, four with a session.

    With the id of a Checkout Session of theirs, they are active once what it sold is paid for, also
    in a connected account; the features are the platform's.
    """
    account = _account_of(subscriber, session_id) if session_id else ""
    is_active = _has_bought(subscriber, account=account)
    if is_active and session_id:
        is_active = _is_settled(subscriber, session_id, account=account)
    return BillingStatus(is_active=is_active, features=entitlements(subscriber))


def _has_bought(subscriber: Any, *, account: str) -> bool:
    """Whether a subscription runs, or a one-off payment has been paid."""
    subscriptions = Subscription.objects.filter(
        customer=OuterRef("pk"), status__in=PAID_STATUSES
    ).exclude(status="trialing", is_trial_refused=True)
    payments = current(customer=OuterRef("pk"), source_kind=SourceKind.PAYMENT)
    own = Customer.objects.filter(account=account, subscriber=subscriber, is_deleted=False)
    return own.filter(Exists(subscriptions) | Exists(payments)).exists()


def _is_settled(subscriber: Any, session_id: str, *, account: str) -> bool:
    if not _SESSION_ID.fullmatch(session_id):
        return False
    own = CheckoutSession.objects.filter(account=account, customer__subscriber=subscriber)
    paid = Payment.objects.filter(account=account, stripe_id=OuterRef("stripe_id"), status=PAID)
    settled = ~Q(mode="payment") | Exists(paid)
    return own.filter(settled, stripe_id=session_id, status="complete").exists()
