"""Ending a subscription, taking that back, and pausing it."""

from __future__ import annotations

from typing import Any, Literal

from django.utils.translation import gettext as _

from ..dunning import pay_invoice
from ..exceptions import NothingToChangeError, SubscriptionStateError
from ..models import Invoice, Subscription
from ..rules.json_values import identifier, mapping, text
from ..sync import sync_invoice
from .finding import check_state, own_subscription
from .scheduling import withdraw_schedule
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
    release_schedule(row)
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
    release_schedule(row, data)
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


def release_schedule(row: Subscription, data: dict[str, Any] | None = None) -> None:
    """A scheduled change would stand in the way of the end: it is taken back with it."""
    schedule_id = identifier((data or read(row)).get("schedule"))
    if schedule_id:
        withdraw_schedule(row, schedule_id)
