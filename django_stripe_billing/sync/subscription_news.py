"""What a subscription's change means to people: signals on commit, and e-mails, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from django.db import transaction
from django.dispatch import Signal

from ..emails import write_email
from ..models import EntitlementChange, Subscription
from ..models.mirrored import to_datetime, to_second
from ..rules.dunning import Step, step
from ..rules.endings import Ending, ending_of
from ..rules.snapshots import ENDED_STATUSES
from ..signals import (
    access_ending,
    dunning_recovered,
    dunning_started,
    subscription_changed,
    subscription_ended,
    trial_will_end,
)

DUNNING_SIGNALS: dict[Step, Signal] = {
    Step.STARTED: dunning_started,
    Step.RECOVERED: dunning_recovered,
}


def tell_of_change(subscription: Subscription, *, status_before: str) -> None:
    """A subscription was written; `status_before` is '' when it is new.

    In the transaction that wrote it, under the customer's lock, so that each step is told once.
    """
    transaction.on_commit(
        partial(
            subscription_changed.send_robust,
            sender=Subscription,
            subscription=subscription,
            status_before=status_before,
        )
    )
    found = step(before=status_before, after=subscription.status)
    if found is not None:
        _send(DUNNING_SIGNALS[found], subscription)
    is_ended = subscription.status in ENDED_STATUSES and status_before not in ENDED_STATUSES
    if is_ended and status_before not in NEVER_BEGUN:
        _send(subscription_ended, subscription)
        write_email(
            "subscription_ended",
            key=subscription.stripe_id,
            customer=subscription.customer,
            subscription=subscription,
            facts={"ended": to_second(subscription.ended_at)},
        )


def tell_of_trial_end(subscription: Subscription) -> None:
    """Stripe says, some days before, that a trial will end: told once for each end.

    `customer` must be loaded, and is locked, so that two events for one change tell of it once.
    """
    ends_at = subscription.trial_end_at
    if subscription.status != "trialing" or ends_at is None:
        return
    own = Subscription.objects.filter(pk=subscription.pk)
    if not own.exclude(trial_end_told_at=ends_at).update(trial_end_told_at=ends_at):
        return
    transaction.on_commit(
        partial(
            trial_will_end.send_robust,
            sender=Subscription,
            subscription=subscription,
            trial_end_at=ends_at,
        )
    )
    moment = to_second(subscription.trial_end_at)
    write_email(
        "trial_ending",
        key=f"{subscription.stripe_id} at {moment}",
        customer=subscription.customer,
        subscription=subscription,
        facts={"at": moment},
    )


NEVER_BEGUN = frozenset({"", "incomplete"})
"""What was never known here, or never paid for, does not end."""


def tell_of_endings(
    recorded: Iterable[EntitlementChange], *, subscriptions: Mapping[str, Subscription]
) -> None:
    """Access through a subscription has got an end at which nothing will be paid: tell it once.

    `recorded` are the changes that were just written, `subscriptions` those behind them.
    """
    found: dict[str, Ending] = {}
    for change in recorded:
        ending = ending_of(before=change.before, after=change.after)
        known = found.get(change.source_id)
        if ending is not None and (known is None or ending.ends_at < known.ends_at):
            found[change.source_id] = ending
    for stripe_id, ending in found.items():
        transaction.on_commit(
            partial(
                access_ending.send_robust,
                sender=Subscription,
                subscription=subscriptions[stripe_id],
                ends_at=to_datetime(ending.ends_at),
                reason=ending.reason,
            )
        )


def _send(signal: Signal, subscription: Subscription) -> None:
    transaction.on_commit(
        partial(signal.send_robust, sender=Subscription, subscription=subscription)
    )
