"""Starting a checkout: one open session per customer, and nothing sold twice."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from ..connect import is_accepted, split_of
from ..exceptions import (
    ConnectError,
    StripeError,
    StripeObjectMissingError,
    StripeUnavailableError,
    UnsettledError,
)
from ..models import CheckoutSession, Customer, Price
from ..rules.json_values import CUSTOMER_PARAMETERS, customer_parameter, identifier, metadata
from ..stripe_api import pages
from ..stripe_api import request as call
from ..sync import (
    Cause,
    claim_trial,
    close_sessions,
    sync_customer,
    sync_customer_payments,
    sync_customer_subscriptions,
)
from .binding import bind_customer
from .owning import refuse_second_purchase, refuse_second_subscription
from .selling import check_quantity, find_price
from .session_parameters import CHECKOUT, session_parameters

LONGEST_LIFE = timedelta(hours=25)
"""A Checkout Session expires by itself after a day, by Stripe's clock, which may be behind ours."""

ATTEMPTS = 4


def start_checkout(
    request: HttpRequest, subscriber: Any, *, price: str, quantity: object = 1, account: str = ""
) -> str:
    """The URL of Stripe's checkout page for this subscriber.

    `price` is a lookup key or a Stripe id, `quantity` a number or its digits. `account` sells it
    from the catalog of that connected account, with a customer of theirs there (a direct charge);
    take it from your own rows, never from the request. Whoever asks again
    while a session is open gets that session, unless the split of the money (the CONNECT hook's)
    has changed. Raises PriceNotSoldError, QuantityError, AlreadySubscribedError when they have a
    live subscription to the product, CurrencyMismatchError when they have one in another currency,
    AlreadyOwnedError when they have bought it for good,
    ConnectError for a split that Stripe would refuse, or an account that is not listened to, and
    StripeError.
    https://docs.stripe.com/api/checkout/sessions/create
    """
    if not is_accepted(account):  # what is paid there would never be heard of
        raise ConnectError(f'{account} is none of STRIPE_BILLING["CONNECT_ACCOUNTS"].')
    sold = find_price(price, account=account)
    number = check_quantity(sold, quantity)
    split = split_of(request, subscriber, price=sold, quantity=number)
    customer = _current_customer(subscriber, sold)
    for _attempt in range(ATTEMPTS):
        (refuse_second_subscription if sold.is_recurring else refuse_second_purchase)(
            customer, sold
        )
        row, is_new = _claim(customer, sold, number, split)
        try:
            url = _open(request, row, sold, number, split, is_new=is_new)
        except StripeObjectMissingError as error:
            if error.param not in CUSTOMER_PARAMETERS:
                raise
            sync_customer(customer, cause=Cause(kind="checkout"))  # was it deleted in Stripe?
            customer = _current_customer(subscriber, sold)
            continue
        if url:
            return url
    raise UnsettledError("The checkout kept changing while it was opened; try again.")


def _current_customer(subscriber: Any, price: Price) -> Customer:
    """The subscriber's customer, with what they have of the price's kind read from Stripe just now:
    a webhook may have been lost."""
    cause = Cause(kind="checkout")
    sync = sync_customer_subscriptions if price.is_recurring else sync_customer_payments
    customer = bind_customer(subscriber, account=price.account)
    try:
        sync(str(customer.stripe_id), account=price.account, cause=cause)
    except StripeObjectMissingError:
        sync_customer(customer, cause=cause)  # deleted in Stripe, and we were not told
        customer = bind_customer(subscriber, account=price.account)
        sync(str(customer.stripe_id), account=price.account, cause=cause)
    return customer


def _claim(
    customer: Customer, price: Price, quantity: int, split: dict[str, Any]
) -> tuple[CheckoutSession, bool]:
    """The row of the customer's open session, and whether it was made just now."""
    for _attempt in range(ATTEMPTS):
        found = CheckoutSession.objects.filter(open_for=customer).first()
        if found is not None:
            return found, False
        try:
            with transaction.atomic():
                row = CheckoutSession.objects.create(
                    account=customer.account,
                    customer=customer,
                    open_for=customer,
                    price_id=price.stripe_id,
                    quantity=quantity,
                    mode="subscription" if price.is_recurring else "payment",
                    split=split,
                )
                if price.is_recurring and _has_trial(price, customer) and claim_trial(row):
                    row.trial_days = price.terms.trial_days
                    row.save(update_fields=["trial_days"])
                return row, True
        except IntegrityError:  # another tab was faster, and may have closed its row since
            continue
    raise UnsettledError("Checkouts kept opening and closing in other tabs; try again.")


def _has_trial(price: Price, customer: Customer) -> bool:
    """Whether the price has one, for somebody who never had a subscription here."""
    return price.terms.trial_days > 0 and not customer.subscriptions.exists()


def _open(
    request: HttpRequest,
    row: CheckoutSession,
    price: Price,
    quantity: int,
    split: dict[str, Any],
    *,
    is_new: bool,
) -> str:
    """The URL of the row's session when that is open for this price, quantity and split, else ''.

    What is in the way is expired and closed, so that the next attempt finds room.
    """
    is_old = not is_new and row.created_at < timezone.now() - LONGEST_LIFE
    if is_old and not (row.trial_days and row.stripe_id):  # was its trial begun? Stripe knows
        _close(row, "expired")
        return ""
    if row.stripe_id is None and (is_new or not _find(row)):
        session = _create(request, row)
        if is_new or not session:
            return str(session.get("url") or "")
        # A replayed answer shows the session as it was made: read it as it is now.
    session = _retrieve(row)
    if session.get("status") != "open":
        _close(row, str(session.get("status") or "expired"))
        if session.get("status") == "complete":
            bought = (
                sync_customer_payments if row.mode == "payment" else sync_customer_subscriptions
            )
            bought(str(row.customer.stripe_id), account=row.account, cause=Cause(kind="checkout"))
        return ""
    if (row.price_id, row.quantity, row.split) == (price.stripe_id, quantity, split):
        return str(session.get("url") or "")
    expire(row)
    return ""


def _create(request: HttpRequest, row: CheckoutSession) -> dict[str, Any]:
    """Create the row's session in Stripe, or get the one that was created under its key."""
    params = session_parameters(request, row)
    try:
        answer = call(
            "post",
            "/v1/checkout/sessions",
            params,
            account=row.account,
            idempotency_key=f"checkout-{row.idempotency_key}",
        )
    except StripeUnavailableError as error:
        if error.status >= 500:  # Stripe repeats a 5xx for the key: the retry needs another one
            fresh = CheckoutSession.objects.filter(pk=row.pk, stripe_id=None)
            fresh.update(idempotency_key=uuid.uuid4())
        raise
    except StripeError as error:
        if error.is_idempotency_conflict and _find(row):
            return {}  # a tab of another host was faster, and shows it: the next attempt does, too
        _close(row, "failed")
        if error.is_idempotency_conflict:
            return {}  # the first request had another host: that session is never shown
        raise
    if not _take(row, answer.data):
        expire(row)
        return {}
    return answer.data


def _find(row: CheckoutSession) -> bool:
    """Whether the row's session exists in Stripe, although its creation was never answered."""
    customer_id = str(row.customer.stripe_id)
    params = {customer_parameter(customer_id): customer_id, "status": "open"}
    for page in pages("/v1/checkout/sessions", params, account=row.account):
        for session in page.rows:
            if metadata(session.get("metadata")).get(CHECKOUT) == str(row.pk):
                return _take(row, session)
    return False


def _take(row: CheckoutSession, session: dict[str, Any]) -> bool:
    """Whether the row still waits for its session: a tab of another host may have closed it, and
    opened another. Its life counts from now, as the row may have waited for Stripe for hours."""
    row.stripe_id = identifier(session)
    if not row.stripe_id:
        raise StripeUnavailableError("Stripe's answer to the creation of a checkout has no id.")
    waiting = CheckoutSession.objects.filter(pk=row.pk).exclude(open_for=None)
    return bool(waiting.update(stripe_id=row.stripe_id, created_at=timezone.now()))


def expire(row: CheckoutSession) -> None:
    """Let the row's session be paid no more, and close the row. Raises StripeUnavailableError.

    What Stripe refuses was paid or has expired: whoever asks next sees which.
    """
    try:
        call("post", f"{_path(row)}/expire", account=row.account)
    except StripeUnavailableError:
        raise
    except StripeError:
        return
    _close(row, "expired")


def _retrieve(row: CheckoutSession) -> dict[str, Any]:
    try:
        return call("get", _path(row), account=row.account).data
    except StripeObjectMissingError:
        return {}


def _path(row: CheckoutSession) -> str:
    return f"/v1/checkout/sessions/{quote(str(row.stripe_id), safe='')}"


def _close(row: CheckoutSession, status: str) -> None:
    close_sessions(CheckoutSession.objects.filter(pk=row.pk), status)
