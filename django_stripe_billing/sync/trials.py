"""Trials: one for each subscriber, e-mail address and card; the database's uniqueness decides."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from ..models import CheckoutSession, Customer, Subscription, TrialUse
from ..rules.json_values import objects
from ..rules.trials import fingerprint_of, normalised_email
from ..stripe_api import request
from .door import Cause
from .subscriptions import recompute_subscriptions
from .trial_claims import hashes, note_card, paid_for, refused_customers

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
        wanted.append((TrialUse.Kind.EMAIL, hashes(email)))
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


def read_fingerprints(customer_id: str, *, account: str = "") -> list[str]:
    """What tells a customer's cards from others, asked of Stripe; raises StripeError.

    https://docs.stripe.com/api/payment_methods/customer_list
    """
    path = f"/v1/customers/{quote(customer_id, safe='')}/payment_methods"
    methods = objects(request("get", path, {"limit": 100}, account=account).data)
    found = [fingerprint_of(method) for method in methods]
    return list(dict.fromkeys(fingerprint for fingerprint in found if fingerprint))


def is_card_taken(customer: Customer, fingerprints: list[str]) -> bool:
    """Whether somebody else had a trial with one of these cards."""
    values = [value for fingerprint in fingerprints for value in hashes(fingerprint)]
    taken = TrialUse.objects.filter(
        account=customer.account, kind=TrialUse.Kind.CARD, value__in=values
    )
    return taken.exclude(customer=customer).exists()


def claim_card(customer_id: str, fingerprint: str, *, account: str = "", cause: Cause) -> None:
    """Note a customer's card; a trial that somebody else had with it is refused.

    Where no trial runs it is only remembered, for one that may begin: a card may be saved before.
    What is refused grants nothing until it is paid for.
    """
    if not customer_id or not fingerprint:
        return
    with transaction.atomic():
        customer = (
            Customer.objects.select_for_update()
            .filter(account=account, stripe_id=customer_id)
            .first()
        )
        if customer is not None:
            note_card(customer, fingerprint)
            claim_known(customer, cause=cause)


def claim_known(customer: Customer, *, cause: Cause) -> None:
    """Claim what is known of a customer in trial, or refuse it; the caller holds their lock.

    They are in trial when they have claimed one, and it runs or its subscription has not been heard
    of yet.
    """
    claims = TrialUse.objects.filter(customer=customer).exclude(kind=TrialUse.Kind.CARD)
    if not claims.exists():
        return
    own = Subscription.objects.filter(customer=customer)
    if not own.filter(status="trialing").exists() and own.exists():
        return
    if customer.pk not in refused_customers([customer], account=customer.account):
        return
    running = own.filter(status="trialing", is_trial_refused=False)
    trials = running.exclude(stripe_id__in=paid_for(running, account=customer.account))
    ids = list(trials.values_list("stripe_id", flat=True))
    trials.update(is_trial_refused=True)
    recompute_subscriptions(ids, account=customer.account, cause=cause)
