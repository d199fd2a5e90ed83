"""Trials: one for each subscriber, e-mail address and card; the database's uniqueness decides."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.encoding import force_bytes

from ..models import CheckoutSession, Customer, Subscription, TrialUse
from ..rules.trials import normalised_email
from .door import Cause
from .subscriptions import recompute_subscriptions

SALT = b"django_stripe_billing.trials"

ABANDONED_AFTER = timedelta(days=2)
"""A Checkout Session lives for a day; a subscription that came of it is known a night later."""


def claim_trial(session: CheckoutSession) -> bool:
    """Claim the trial of the session's customer; whether it was still to be had.

    Inside the transaction that made the session: the claim stands or falls with it. Of two that ask
    at the same moment, the database lets one have it.
    """
    customer = session.customer
    wanted = []
    if customer.subscriber_id is not None:
        wanted.append((TrialUse.Kind.SUBSCRIBER, [str(customer.subscriber_id)]))
    email = normalised_email(customer.email)
    if email:
        wanted.append((TrialUse.Kind.EMAIL, _hashes(email)))
    _forget_abandoned(customer.account, [value for _, values in wanted for value in values])
    uses = TrialUse.objects.filter(account=customer.account)
    for kind, values in wanted:  # what an earlier SECRET_KEY has hashed is no other's any more
        if len(values) > 1 and uses.filter(kind=kind, value__in=values[1:]).exists():
            return False
    try:
        with transaction.atomic():
            TrialUse.objects.bulk_create(
                TrialUse(
                    account=customer.account,
                    kind=kind,
                    value=values[0],
                    customer=customer,
                    checkout_session=session,
                )
                for kind, values in wanted
            )
    except IntegrityError:
        return False
    return bool(wanted)


def _forget_abandoned(account: str, values: list[str]) -> None:
    """Free the claims of checkouts that are over, although nobody told us so."""
    abandoned = TrialUse.objects.filter(
        account=account,
        value__in=values,
        checkout_session__status="open",
        checkout_session__created_at__lt=timezone.now() - ABANDONED_AFTER,
        customer__subscriptions=None,
    )
    TrialUse.objects.filter(pk__in=list(abandoned.values_list("pk", flat=True))).delete()


def close_sessions(sessions: QuerySet[CheckoutSession], status: str) -> None:
    """Note that checkouts are over; the trials of those that were not completed are free again."""
    with transaction.atomic():
        if status != "complete":
            sessions = sessions.exclude(status="complete")
            TrialUse.objects.filter(checkout_session__in=list(sessions)).delete()
        sessions.update(status=status, open_for=None)


def claim_card(customer_id: str, fingerprint: str, *, account: str = "", cause: Cause) -> None:
    """Note the card that a trial is taken with, or refuse the trial if another had one with it.

    Does nothing for a customer who has claimed no trial, or whose trial is over. What is refused
    grants nothing until it is paid for.
    """
    if not customer_id or not fingerprint:
        return
    with transaction.atomic():
        customer = (
            Customer.objects.select_for_update()
            .filter(account=account, stripe_id=customer_id)
            .first()
        )
        if customer is None or not _is_in_trial(customer):
            return
        if _note_card(customer, _hashes(fingerprint)):
            return
        claims = TrialUse.objects.filter(customer=customer).exclude(kind=TrialUse.Kind.CARD)
        claims.filter(refused_at=None).update(refused_at=timezone.now())
        trials = customer.subscriptions.filter(status="trialing", is_trial_refused=False)
        ids = list(trials.values_list("stripe_id", flat=True))
        trials.update(is_trial_refused=True)
        recompute_subscriptions(ids, account=account, cause=cause)


def _is_in_trial(customer: Customer) -> bool:
    """They have claimed one, and it runs or its subscription has not been heard of yet."""
    claims = TrialUse.objects.filter(customer=customer).exclude(kind=TrialUse.Kind.CARD)
    if not claims.exists():
        return False
    own = Subscription.objects.filter(customer=customer)
    return own.filter(status="trialing").exists() or not own.exists()


def _note_card(customer: Customer, values: list[str]) -> bool:
    """Whether the card is this customer's for trials, now or since before."""
    uses = TrialUse.objects.filter(account=customer.account, kind=TrialUse.Kind.CARD)
    held = uses.filter(value__in=values)
    if not held.exists():
        try:
            with transaction.atomic():
                uses.create(
                    account=customer.account,
                    kind=TrialUse.Kind.CARD,
                    value=values[0],
                    customer=customer,
                )
        except IntegrityError:  # another was faster
            pass
    return not held.exclude(customer=customer).exists()


def _hashes(value: str) -> list[str]:
    """Keyed hashes of a value: the first under SECRET_KEY, the others under the keys before it."""
    keys = [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
    return [
        hmac.new(SALT + b":" + force_bytes(key), value.encode(), hashlib.sha256).hexdigest()
        for key in keys
    ]
