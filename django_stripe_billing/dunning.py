"""Paying what was not paid: the invoice that the subscriber is told of, tried again now."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from .access import Dunning, dunning_of
from .exceptions import (
    ActionRequiredError,
    BillingError,
    NothingToPayError,
    PaymentDeclinedError,
    StripeError,
    StripeRateLimitError,
    StripeUnavailableError,
)
from .models import Invoice, Subscription
from .rules.invoices import parse_invoice
from .rules.ordering import Verdict
from .rules.snapshots import ENDED_STATUSES
from .stripe_api import Answer, request
from .sync import Cause, InvoiceReading, apply_invoice, sync_invoice, sync_subscription

__all__ = ["Dunning", "dunning_of", "pay_invoice", "retry_payment"]

logger = logging.getLogger("django_stripe_billing.dunning")

CONFIRM = gettext_noop("The bank wants this payment to be confirmed.")
ACTIONS = {
    "authentication_required": CONFIRM,
    "invoice_payment_intent_requires_action": CONFIRM,
    "payment_intent_action_required": CONFIRM,
    "subscription_payment_intent_requires_action": CONFIRM,
    "missing": gettext_noop("There is no card on file: pay on Stripe's page."),
}
"""Codes with which Stripe says that the payer must do something on the invoice's page.
https://docs.stripe.com/error-codes"""

NOT_REMEMBERED = frozenset({0, 409, 429})
"""Answers, or none, that Stripe does not repeat for an idempotency key: the key is used again."""


def retry_payment(subscriber: Any) -> Invoice:
    """Charge what `dunning_of` tells the subscriber of, now; returns the invoice, paid.

    Where no payment is missing, the oldest open invoice that waits for its payer. What a
    subscription owed when it ended is never charged.

    What comes of it is stored at once, so that access is back before the webhooks arrive. Raises
    NothingToPayError, PaymentDeclinedError, ActionRequiredError (whose `hosted_url` is the page to
    confirm on), and StripeError; RuntimeError inside a transaction.
    https://docs.stripe.com/api/invoices/pay
    """
    invoice = _to_pay(subscriber)
    if invoice is None:
        raise NothingToPayError(_("There is no open invoice."))
    return pay_invoice(
        invoice, cause=Cause(kind="person", id=f"{subscriber._meta.label}:{subscriber.pk}")
    )


def pay_invoice(invoice: Invoice, *, cause: Cause) -> Invoice:
    """Charge an open invoice now, and store what comes of it; raises as `retry_payment` does."""
    try:
        answer = _pay(invoice)
    except StripeError as error:
        if not _is_paid_after_all(invoice, error, cause=cause):
            raise
    else:
        _take(invoice, answer, cause=cause)
    _read_subscription(invoice, cause=cause)
    invoice.refresh_from_db()
    return invoice


def _to_pay(subscriber: Any) -> Invoice | None:
    """The invoice whose amount is shown; None while it is not known."""
    own = Invoice.objects.filter(
        account="",
        customer__subscriber=subscriber,
        customer__is_deleted=False,
        status="open",
        amount_remaining__gt=0,
    ).select_related("customer")
    trouble = dunning_of(subscriber)
    if trouble is not None:
        return own.filter(stripe_id=trouble.invoice_id).first()
    live = (
        Subscription.objects.filter(account="", customer__subscriber=subscriber)
        .exclude(status__in=ENDED_STATUSES)
        .values("stripe_id")
    )
    own = own.filter(Q(subscription_id="") | Q(subscription_id__in=live))
    return own.unpaid().first() or own.order_by("stripe_created_at", "pk").first()


def _pay(invoice: Invoice) -> Answer:
    """One attempt, under a key of its own: who presses twice at once pays once.

    Stripe remembers an answer for its key, a refusal as well. So the next attempt, perhaps with
    another card, takes the next key, and one whose answer got lost asks again with the same.
    """
    failure: StripeError
    try:
        answer = request(
            "post",
            f"/v1/invoices/{quote(invoice.stripe_id, safe='')}/pay",
            idempotency_key=f"pay-{invoice.stripe_id}-{invoice.retries}",
        )
    except StripeError as error:
        failure = error
        if error.status not in NOT_REMEMBERED:
            _take_next_key(invoice)
    else:
        _take_next_key(invoice)
        return answer
    if failure.code in ACTIONS:
        raise ActionRequiredError(
            _(ACTIONS[failure.code]),
            hosted_url=invoice.hosted_invoice_url,
            code=failure.code,
            status=failure.status,
            request_id=failure.request_id,
        )
    raise failure


def _take_next_key(invoice: Invoice) -> None:
    Invoice.objects.filter(pk=invoice.pk, retries=invoice.retries).update(
        retries=invoice.retries + 1
    )


def _take(invoice: Invoice, answer: Answer, *, cause: Cause) -> None:
    snapshot = parse_invoice(answer.data)
    if snapshot is None or snapshot.id != invoice.stripe_id:
        raise StripeError(f"Stripe's answer for {invoice.stripe_id} can't be read.")
    verdict = apply_invoice(
        InvoiceReading(snapshot=snapshot, interval=answer.interval, account=invoice.account),
        cause=cause,
    )
    if verdict is Verdict.AMBIGUOUS:
        sync_invoice(invoice.stripe_id, account=invoice.account, cause=cause)


def _is_paid_after_all(invoice: Invoice, error: StripeError, *, cause: Cause) -> bool:
    """A refusal may only mean that it was paid before, and that we were not told."""
    unheard = (PaymentDeclinedError, StripeUnavailableError, StripeRateLimitError)
    if isinstance(error, unheard) or error.status not in {400, 404}:
        return False
    sync_invoice(invoice.stripe_id, account=invoice.account, cause=cause)
    return Invoice.objects.filter(pk=invoice.pk, status="paid").exists()


def _read_subscription(invoice: Invoice, *, cause: Cause) -> None:
    """What paying did to the subscription; a webhook will say it, too, should Stripe not answer."""
    if not invoice.subscription_id:
        return
    try:
        sync_subscription(invoice.subscription_id, account=invoice.account, cause=cause)
    except BillingError as error:
        logger.warning("%s was paid, and its subscription not read: %s", invoice, error)
