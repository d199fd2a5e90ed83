"""Ending a subscription, taking that back, and pausing it."""

from __future__ import annotations

from typing import Any, Literal

from django.utils.translation import gettext as _

from ..dunning import pay_invoice
from ..exceptions import (
    NothingToChangeError,
    StripeAuthenticationError,
    StripeError,
    StripeUnavailableError,
    SubscriptionNotFoundError,
    SubscriptionStateError,
)
from ..models import Invoice, Subscription
from ..rules.json_values import identifier, mapping, text
from ..sync import Cause, sync_invoice
from .finding import check_state, own_subscription
from .phases import later_phases
from .schedules import end_with_period, release_schedule, schedule_of
from .writing import cause_of, fresh, read, settle, write

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
    return end_at_period_end(row, params)


def end_at_period_end(
    row: Subscription, params: dict[str, Any], *, cause: Cause | None = None
) -> Subscription:
    """Let the paid period run out, and withdraw what was scheduled, in one call at Stripe.

    A subscription that a schedule manages is ended by the schedule alone; then `params`, its
    `cancellation_details`, are noted before, for they end nothing by themselves. Where Stripe does
    not take the present phase again, with an archived price for example, the schedule is released
    first: what it says of phases keeps nobody from leaving.
    """
    data = read(row)
    schedule = schedule_of(row, data)
    if schedule is None:
        return write(row, {"cancel_at_period_end": True, **params}, intent="cancel", cause=cause)
    if params:
        row = _note(row, params, cause=cause)
    try:
        end_with_period(row, data, schedule, cause=cause)
    except (StripeUnavailableError, StripeAuthenticationError):
        raise
    except StripeError:
        release_schedule(row, identifier(schedule))
        return write(fresh(row), {"cancel_at_period_end": True}, intent="cancel", cause=cause)
    return settle(row, cause=cause)


def _note(row: Subscription, params: dict[str, Any], *, cause: Cause | None) -> Subscription:
    """Why somebody leaves, which keeps nobody from leaving where Stripe refuses it."""
    try:
        return write(row, params, intent="cancel", cause=cause)
    except (StripeUnavailableError, SubscriptionNotFoundError):
        raise
    except StripeError:
        return fresh(row)


def resume(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Take a coming end back, however it is marked, or go on with a paused subscription.

    Where a schedule was to end it, the schedule is released. Raises SubscriptionNotFoundError,
    NothingToChangeError where it neither ends nor is paused, PaymentDeclinedError,
    ActionRequiredError and other StripeErrors.
    """
    row = own_subscription(subscriber, subscription=subscription)
    if row.status == "paused":
        return unpause(subscriber, subscription=subscription)
    if not row.is_ending:
        raise NothingToChangeError(_("The subscription goes on already."))
    if row.cancel_at_period_end:
        return write(row, {"cancel_at_period_end": False}, intent="resume")
    schedule_id = identifier(read(row).get("schedule"))
    if schedule_id:
        release_schedule(row, schedule_id)
        return settle(row)
    return write(row, {"cancel_at": ""}, intent="resume")


def pause(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Suspend the subscription: no access, no invoices and no new periods until it is resumed.

    For subscriptions with Stripe's flexible billing mode, its default. Raises
    SubscriptionStateError where it can't be paused, also while a change is scheduled, which Stripe
    would have to forget first. https://docs.stripe.com/api/subscriptions/pause
    """
    row = own_subscription(subscriber, subscription=subscription)
    check_state(row, frozenset({"active", "trialing"}))
    data = read(row)
    if text(mapping(data.get("billing_mode")).get("type")) == "classic":
        raise SubscriptionStateError(
            _("This subscription is of an older kind, which can't be paused."),
            status=row.status,
        )
    schedule = schedule_of(row, data)
    if schedule is not None:
        if later_phases(schedule):
            raise SubscriptionStateError(
                _("A change is planned: take it back first."), status=row.status
            )
        release_schedule(row, identifier(schedule), keeps_end=True)
    return write(row, {"type": "subscription"}, intent="pause", action="pause")


def unpause(subscriber: Any, *, subscription: str = "") -> Subscription:
    """Go on with a paused subscription, from now: a new period begins when it is paid.

    Raises SubscriptionStateError where it is not paused, PaymentDeclinedError and
    ActionRequiredError: then it stays paused, and its invoice may be paid until Stripe voids it, a
    day later. https://docs.stripe.com/api/subscriptions/resume
    """
    row = own_subscription(subscriber, subscription=subscription)
    check_state(row, frozenset({"paused"}))
    data = read(row)
    if text(data.get("status")) != "paused":  # it was done, and the answer got lost
        return settle(row)
    row = _pay_open_invoice(row, data)
    if row.status == "paused":
        params = {"payment_behavior": "resume_on_payment_success"}
        row = write(row, params, intent="unpause", action="resume")
    return _pay_open_invoice(row, read(row)) if row.status == "paused" else row


def _pay_open_invoice(row: Subscription, data: dict[str, Any]) -> Subscription:
    """Pay what a paused subscription waits for, if anything; `data` is it at Stripe."""
    invoice_id = identifier(data.get("latest_invoice"))
    if not invoice_id:
        return row
    cause = cause_of(row)
    sync_invoice(invoice_id, account=row.account, cause=cause)
    invoice = Invoice.objects.get(account=row.account, stripe_id=invoice_id)
    if invoice.status == "open":
        pay_invoice(invoice, cause=cause)
    return fresh(row)
