"""Writing to a subscription at Stripe, and taking the answer through the one door.

The answer is applied like a webhook, so that access changes at once, and the webhook finds it done.
A call whose answer is lost is not repeated blindly: the subscription is read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ..exceptions import (
    BillingError,
    StripeError,
    StripeUnavailableError,
    SubscriptionNotFoundError,
)
from ..models import Subscription
from ..rules.ordering import Verdict
from ..rules.snapshots import ENDED_STATUSES, parse_subscription
from ..stripe_api import Answer, fetch_subscription, request
from ..sync import Cause, SubscriptionReading, apply_subscriptions, sync_subscription
from .declining import declined


def cause_of(subscription: Subscription) -> Cause:
    """A subscriber changed it themselves."""
    return Cause(kind="person", id=f"subscriber {subscription.customer.subscriber_id}")


def path_of(subscription: Subscription, action: str = "") -> str:
    path = f"/v1/subscriptions/{quote(subscription.stripe_id, safe='')}"
    return f"{path}/{action}" if action else path


def key_of(subscription: Subscription, intent: str, params: dict[str, Any]) -> str:
    """An idempotency key: the same for a double click, another once the row has changed."""
    text = json.dumps(
        [subscription.stripe_id, subscription.revision, intent, params], sort_keys=True
    )
    return f"subscription-{hashlib.sha256(text.encode()).hexdigest()}"


def read(subscription: Subscription) -> dict[str, Any]:
    """The subscription as it is at Stripe now. Raises StripeError."""
    return fetch_subscription(subscription.stripe_id, account=subscription.account).data


def write(
    subscription: Subscription,
    params: dict[str, Any],
    *,
    intent: str,
    action: str = "",
    is_deletion: bool = False,
    cause: Cause | None = None,
) -> Subscription:
    """POST to the subscription, or DELETE it, and apply what it is then; its row, read anew.

    `cause` None: the subscriber did it. Raises SubscriptionNotFoundError where it has ended and
    nobody told us, PaymentDeclinedError, ActionRequiredError and other StripeErrors. After an error
    the subscription is read again, so that the row says what came of it.
    """
    try:
        answer = send(
            subscription, params, intent=intent, action=action, is_deletion=is_deletion, cause=cause
        )
    except SubscriptionNotFoundError:
        row = fresh(subscription)
        if is_deletion and row.status == "canceled":
            return row  # it worked, and the answer was lost
        raise
    return take(subscription, answer, cause=cause)


def send(
    subscription: Subscription,
    params: dict[str, Any],
    *,
    intent: str,
    action: str = "",
    is_deletion: bool = False,
    cause: Cause | None = None,
) -> Answer:
    """The call of `write`, whose answer is not applied yet. Raises the same."""
    path = path_of(subscription, action)
    try:
        with failures_settled(subscription, cause=cause):
            if is_deletion:
                return request("delete", path, params, account=subscription.account)
            return request(
                "post",
                path,
                params,
                account=subscription.account,
                idempotency_key=key_of(subscription, intent, params),
            )
    except StripeError as error:
        raise declined(error) from None


@contextmanager
def failures_settled(subscription: Subscription, *, cause: Cause | None = None) -> Iterator[None]:
    """Read the subscription anew where a call about it fails; the failure passes as it is.

    But where Stripe refuses because it has ended, and no webhook told us: that raises
    SubscriptionNotFoundError.
    """
    try:
        yield
    except StripeUnavailableError as error:
        if error.status:  # Stripe repeats an error for its key: a row read anew makes another
            settle(subscription, cause=cause)
        raise
    except StripeError:
        if not _has_ended(subscription, cause=cause):  # which has read it anew, as above
            raise
    else:
        return
    raise SubscriptionNotFoundError("The subscription has ended.")


def _has_ended(subscription: Subscription, *, cause: Cause | None) -> bool:
    try:
        return settle(subscription, cause=cause).status in ENDED_STATUSES
    except BillingError:  # Stripe's first answer says more than this one
        return False


def take(subscription: Subscription, answer: Answer, *, cause: Cause | None = None) -> Subscription:
    """Apply an answer that is the subscription, through the door."""
    snapshot = None if answer.is_replayed else parse_subscription(answer.data)
    if snapshot is None or snapshot.id != subscription.stripe_id or not snapshot.is_complete:
        return settle(subscription, cause=cause)
    reading = SubscriptionReading(
        snapshot=snapshot,
        interval=answer.interval,
        account=subscription.account,
        revision=subscription.revision,
    )
    [outcome] = apply_subscriptions([reading], cause=cause or cause_of(subscription))
    if outcome.verdict is Verdict.AMBIGUOUS:  # a webhook was faster, within the same second
        return settle(subscription, cause=cause)
    return fresh(subscription)


def settle(subscription: Subscription, *, cause: Cause | None = None) -> Subscription:
    """Read the subscription from Stripe again, and apply it. Raises StripeError, UnsettledError."""
    sync_subscription(
        subscription.stripe_id,
        account=subscription.account,
        cause=cause or cause_of(subscription),
    )
    return fresh(subscription)


def fresh(subscription: Subscription) -> Subscription:
    rows = Subscription.objects.select_related("customer").prefetch_related("items")
    return rows.get(pk=subscription.pk)
