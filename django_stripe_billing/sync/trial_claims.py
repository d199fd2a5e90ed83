"""What a trial is claimed with once it runs: every card and the address that are known by then."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.encoding import force_bytes

from ..models import Customer, Invoice, KnownCard, Subscription, TrialUse
from ..rules.trials import normalised_email

SALT = b"django_stripe_billing.trials"

Claim = tuple[int, str, str]
"""The customer's key, the kind, and the hash."""


def hashes(value: str) -> list[str]:
    """Keyed hashes of a value: the first under SECRET_KEY, the others under the keys before it."""
    keys = [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
    return [
        hmac.new(SALT + b":" + force_bytes(key), value.encode(), hashlib.sha256).hexdigest()
        for key in keys
    ]


def note_card(customer: Customer, fingerprint: str) -> None:
    """Remember that a card is a customer's, as a hash, whether or not they have a trial."""
    values = hashes(fingerprint)
    _bring_up_to_date(KnownCard, values)
    _bring_up_to_date(TrialUse, values)
    KnownCard.objects.get_or_create(customer=customer, value=values[0])


RAN_BEFORE = frozenset({"active", "past_due", "unpaid"})
"""Statuses from which nobody comes to a trial but by staff, who give it."""


def refuse_trials(applied: Collection[tuple[Subscription, str]]) -> None:
    """Mark trials that begin with a card or address that had one, until they are paid for.

    `applied` are subscriptions and their statuses before; the caller holds the customers' locks,
    and saves the rows. No query without a new trial, or a refused one.
    """
    begun = [
        (row, before)
        for row, before in applied
        if row.status == "trialing" and (before != "trialing" or row.is_trial_refused)
    ]
    if not begun:
        return
    rows = [row for row, _ in begun]
    account = rows[0].account
    refused = refused_customers({row.customer for row in rows}, account=account)
    paid = paid_for(rows, account=account) if refused else set()
    for row, before in begun:
        is_given = before in RAN_BEFORE or row.stripe_id in paid
        row.is_trial_refused = row.customer_id in refused and not is_given


def refused_customers(customers: Collection[Customer], *, account: str) -> set[int]:
    """Claim all that is known of customers whose trial runs; those whose trial is refused.

    That is who claims what somebody else had a trial with, now or before. Nothing for customers
    that have claimed no trial: theirs was given in the Dashboard. The caller holds the customers'
    locks. A constant number of queries.
    """
    own = TrialUse.objects.filter(customer__in={customer.pk for customer in customers})
    claims = list(own.exclude(kind=TrialUse.Kind.CARD).order_by("pk"))
    sessions = {claim.customer_id: claim.checkout_session_id for claim in claims}
    refused = {claim.customer_id for claim in claims if claim.refused_at and claim.customer_id}
    running = [row for row in customers if row.pk in sessions]
    if not running:
        return refused
    lost = _without_a_claim(_known_of(running), sessions, account=account)
    if lost:
        lost_claims = TrialUse.objects.filter(customer__in=lost, refused_at=None)
        lost_claims.exclude(kind=TrialUse.Kind.CARD).update(refused_at=timezone.now())
    return refused | lost


def paid_for(subscriptions: Iterable[Subscription], *, account: str) -> set[str]:
    """The Stripe ids of those that were paid for before: a trial that such a one has was given by
    staff, and is refused to nobody. One query."""
    ids = {row.stripe_id for row in subscriptions}
    paid = Invoice.objects.filter(
        account=account, subscription_id__in=ids, status="paid", amount_paid__gt=0
    )
    return set(paid.values_list("subscription_id", flat=True))


def _known_of(customers: Collection[Customer]) -> list[Claim]:
    cards = KnownCard.objects.filter(customer__in=[customer.pk for customer in customers])
    wanted: list[Claim] = [
        (pk, TrialUse.Kind.CARD.value, value)
        for pk, value in cards.values_list("customer_id", "value")
    ]
    for customer in customers:
        if email := normalised_email(customer.email):
            values = hashes(email)
            _bring_up_to_date(TrialUse, values)
            wanted.append((customer.pk, TrialUse.Kind.EMAIL.value, values[0]))
    return sorted(wanted, key=lambda claim: claim[1:])


def _without_a_claim(
    wanted: list[Claim], sessions: Mapping[int | None, int | None], *, account: str
) -> set[int]:
    """Claim what is free; the customers that did not get all that they wanted.

    Each claim goes with the checkout, by customer, that has claimed the trial.
    """
    holders = _holders(wanted, account=account)
    missing = [claim for claim in wanted if claim[1:] not in holders]
    if missing:
        TrialUse.objects.bulk_create(
            [
                TrialUse(
                    account=account,
                    customer_id=pk,
                    kind=kind,
                    value=value,
                    checkout_session_id=sessions[pk],
                )
                for pk, kind, value in missing
            ],
            ignore_conflicts=True,
        )
        holders = _holders(wanted, account=account)
    return {pk for pk, kind, value in wanted if holders.get((kind, value)) != pk}


def _holders(wanted: list[Claim], *, account: str) -> dict[tuple[str, str], int | None]:
    rows = TrialUse.objects.filter(account=account, value__in={value for _, _, value in wanted})
    return {
        (kind, value): pk for kind, value, pk in rows.values_list("kind", "value", "customer_id")
    }


def _bring_up_to_date(model: type[KnownCard] | type[TrialUse], values: list[str]) -> None:
    """Hash anew under SECRET_KEY what is kept under a key before it; no query without one."""
    if len(values) > 1:
        with suppress(IntegrityError), transaction.atomic():  # it is known under both
            model._default_manager.filter(value__in=values[1:]).update(value=values[0])
