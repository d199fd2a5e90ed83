"""Ending a subscription, taking that back, and pausing it."""

from __future__ import annotations

from typing import Any, Literal

from django.utils.translation import gettext as _

from ..exceptions import NothingToChangeError, SubscriptionStateError
from ..models import Subscription
from ..rules.json_values import identifier, mapping, text
from .finding import check_state, own_subscription
from .scheduling import withdraw_schedule
from .writing import read, write

FEEDBACK = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
"""Why somebody leaves, as Stripe counts it.
https://docs.stripe.com/api/subscriptions/cancel#cancel_subscription-cancellation_details-feedback"""

LONGEST_COMMENT = 500


def cancel(
    subscriber: Any,
    *,
    when: Literal["period_end", "now"] = "period_end",
    feedback: str = "",
    comment: str = "",
    subscription: str = "",
) -> Subscription:
    """End the subscriber's subscription; as it is then.

    "period_end" lets the paid period run out; "now" ends it, and its access, at once, without a
    refund. `feedback` is one of FEEDBACK, `comment` up to 500 characters. Raises
    SubscriptionNotFoundError, NothingToChangeError where it is set to end already, ValueError for
    an unknown feedback, and StripeError. https://docs.stripe.com/billing/subscriptions/cancel
    """
    if feedback and feedback not in FEEDBACK:
        raise ValueError(f"Feedback is one of {', '.join(FEEDBACK)}.")
    row = own_subscription(subscriber, subscription=subscription)
    details = {"feedback": feedback, "comment": comment.strip()[:LONGEST_COMMENT]}
    params: dict[str, Any] = {}
    if any(details.values()):
        params["cancellation_details"] = {key: value for key, value in details.items() if value}
    if when == "now" or row.status == "incomplete":
        return write(row, params, intent="end", is_deletion=True)
    if row.is_ending:
        raise NothingToChangeError(_("The subscription is set to end already."))
    _release_schedule(row)
    return write(row, {"cancel_at_period_end": True, **params}, intent="cancel")


def resume(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Take a coming end back, however it is marked, or go on with a paused subscription.

    Raises SubscriptionNotFoundError, NothingToChangeError where it neither ends nor is paused,
    PaymentDeclinedError, ActionRequiredError and other StripeErrors.
    """
    row = own_subscription(subscriber, subscription=subscription)
    if row.status == "paused":
        return unpause(subscriber, subscription=subscription)
    if not row.is_ending:
        raise NothingToChangeError(_("The subscription goes on already."))
    if row.cancel_at_period_end:
        return write(row, {"cancel_at_period_end": False}, intent="resume")
    return write(row, {"cancel_at": ""}, intent="resume")


def pause(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Suspend the subscription: no access, no invoices and no new periods until it is resumed.

    For subscriptions with Stripe's flexible billing mode, its default. Raises
    SubscriptionStateError where it can't be paused. https://docs.stripe.com/api/subscriptions/pause
    """
    row = own_subscription(subscriber, subscription=subscription)
    check_state(row, frozenset({"active", "trialing"}))
    data = read(row)
    if text(mapping(data.get("billing_mode")).get("type")) == "classic":
        raise SubscriptionStateError(
            _("This subscription is of an older kind, which can't be paused."),
            status=row.status,
        )
    _release_schedule(row, data)
    return write(row, {"type": "subscription"}, intent="pause", action="pause")


def unpause(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Go on with a paused subscription, from now; a new period begins and is charged.

    Raises SubscriptionStateError where it is not paused, PaymentDeclinedError and
    ActionRequiredError. https://docs.stripe.com/api/subscriptions/resume
    """
    row = own_subscription(subscriber, subscription=subscription)
    check_state(row, frozenset({"paused"}))
    return write(row, {}, intent="unpause", action="resume")


def _release_schedule(row: Subscription, data: dict[str, Any] | None = None) -> None:
    """A scheduled change would stand in the way of the end: it is taken back with it."""
    schedule_id = identifier((data or read(row)).get("schedule"))
    if schedule_id:
        withdraw_schedule(row, schedule_id)
