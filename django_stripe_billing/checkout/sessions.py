"""Starting a checkout: one open session per customer, and nothing sold twice."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from ..conf import settings
from ..exceptions import (
    AlreadySubscribedError,
    StripeError,
    StripeObjectMissingError,
    StripeUnavailableError,
    UnsettledError,
)
from ..models import CheckoutSession, Customer, Price
from ..rules.json_values import metadata
from ..rules.snapshots import ENDED_STATUSES
from ..stripe_api import pages
from ..stripe_api import request as call
from ..sync import Cause, sync_customer, sync_customer_subscriptions
from .binding import bind_customer
from .selling import check_quantity, find_price

LONGEST_LIFE = timedelta(hours=24)
"""A Checkout Session expires by itself after that time at the latest."""

CHECKOUT = "django_stripe_billing_checkout"
"""The metadata key by which a session is found again whose creation was answered with 5xx."""

ATTEMPTS = 4


def start_checkout(
    request: HttpRequest, subscriber: Any, *, price: str, quantity: object = 1
) -> str:
    """The URL of Stripe's checkout page for this subscriber.

    `price` is a lookup key or a Stripe id, `quantity` a number or its digits. Whoever asks again
    while a session is open gets that session. Raises PriceNotSoldError, QuantityError,
    AlreadySubscribedError when they have a live subscription to the product, and StripeError.
    https://docs.stripe.com/api/checkout/sessions/create
    """
    sold = find_price(price)
    number = check_quantity(sold, quantity)
    customer = _current_customer(subscriber)
    for _attempt in range(ATTEMPTS):
        _refuse_second_subscription(customer, sold)
        row, is_new = _claim(customer, sold, number)
        try:
            url = _open(request, row, sold, number, is_new=is_new)
        except StripeObjectMissingError as error:
            if error.param != "customer":
                raise
            sync_customer(customer, cause=Cause(kind="checkout"))  # was it deleted in Stripe?
            customer = _current_customer(subscriber)
            continue
        if url:
            return url
    raise UnsettledError("The checkout kept changing while it was opened; try again.")


def _current_customer(subscriber: Any) -> Customer:
    """The subscriber's customer, with its subscriptions read from Stripe just now."""
    cause = Cause(kind="checkout")
    customer = bind_customer(subscriber)
    try:
        sync_customer_subscriptions(str(customer.stripe_id), cause=cause)
    except StripeObjectMissingError:
        sync_customer(customer, cause=cause)  # deleted in Stripe, and we were not told
        customer = bind_customer(subscriber)
        sync_customer_subscriptions(str(customer.stripe_id), cause=cause)
    return customer


def _refuse_second_subscription(customer: Customer, price: Price) -> None:
    live = customer.subscriptions.exclude(status__in=ENDED_STATUSES)
    if live.filter(items__product_id=price.product.stripe_id).exists():
        raise AlreadySubscribedError(f"{customer} has a subscription to {price.product}.")


def _claim(customer: Customer, price: Price, quantity: int) -> tuple[CheckoutSession, bool]:
    """The row of the customer's open session, and whether it was made just now."""
    for _attempt in range(ATTEMPTS):
        found = CheckoutSession.objects.filter(open_for=customer).first()
        if found is not None:
            return found, False
        try:
            with transaction.atomic():
                row = CheckoutSession.objects.create(
                    customer=customer,
                    open_for=customer,
                    price_id=price.stripe_id,
                    quantity=quantity,
                    mode="subscription",
                )
                return row, True
        except IntegrityError:  # another tab was faster, and may have closed its row since
            continue
    raise UnsettledError("Checkouts kept opening and closing in other tabs; try again.")


def _open(
    request: HttpRequest, row: CheckoutSession, price: Price, quantity: int, *, is_new: bool
) -> str:
    """The URL of the row's session when that is open for this price and quantity, else ''.

    What is in the way is expired and closed, so that the next attempt finds room.
    """
    if not is_new and row.created_at < timezone.now() - LONGEST_LIFE:
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
            sync_customer_subscriptions(str(row.customer.stripe_id), cause=Cause(kind="checkout"))
        return ""
    if (row.price_id, row.quantity) == (price.stripe_id, quantity):
        return str(session.get("url") or "")
    try:
        call("post", f"{_path(row)}/expire")
    except StripeUnavailableError:
        raise
    except StripeError:
        return ""  # it was paid or has expired meanwhile: the next attempt sees which
    _close(row, "expired")
    return ""


def _create(request: HttpRequest, row: CheckoutSession) -> dict[str, Any]:
    """Create the row's session in Stripe, or get the one that was created under its key."""
    terms = Price.objects.select_related("product").get(account="", stripe_id=row.price_id).terms
    subscription_data: dict[str, Any] = {}
    if terms.trial_days and not row.customer.subscriptions.exists():
        subscription_data["trial_period_days"] = terms.trial_days
    back = request.build_absolute_uri(reverse("stripe_billing:checkout_return"))
    params: dict[str, Any] = {
        "mode": row.mode,
        "customer": row.customer.stripe_id,
        "line_items": [{"price": row.price_id, "quantity": row.quantity}],
        "success_url": f"{back}?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": request.build_absolute_uri(settings.PRICING_URL),
        "metadata": {CHECKOUT: str(row.pk)},
    }
    if subscription_data:
        params["subscription_data"] = subscription_data
    try:
        answer = call(
            "post",
            "/v1/checkout/sessions",
            params,
            idempotency_key=f"checkout-{row.idempotency_key}",
        )
    except StripeUnavailableError as error:
        if error.status >= 500:  # Stripe repeats a 5xx for the key: the retry needs another one
            fresh = CheckoutSession.objects.filter(pk=row.pk, stripe_id=None)
            fresh.update(idempotency_key=uuid.uuid4())
        raise
    except StripeError as error:
        _close(row, "failed")
        if error.is_idempotency_conflict:
            return {}  # the first request had another host or trial: that session is never shown
        raise
    _take(row, answer.data)
    return answer.data


def _find(row: CheckoutSession) -> bool:
    """Whether the row's session exists in Stripe, although its creation was never answered."""
    params = {"customer": row.customer.stripe_id, "status": "open"}
    for page in pages("/v1/checkout/sessions", params):
        for session in page.rows:
            if metadata(session.get("metadata")).get(CHECKOUT) == str(row.pk):
                _take(row, session)
                return True
    return False


def _take(row: CheckoutSession, session: dict[str, Any]) -> None:
    row.stripe_id = str(session["id"])
    CheckoutSession.objects.filter(pk=row.pk).update(stripe_id=row.stripe_id)


def _retrieve(row: CheckoutSession) -> dict[str, Any]:
    try:
        return call("get", _path(row)).data
    except StripeObjectMissingError:
        return {}


def _path(row: CheckoutSession) -> str:
    return f"/v1/checkout/sessions/{quote(str(row.stripe_id), safe='')}"


def _close(row: CheckoutSession, status: str) -> None:
    CheckoutSession.objects.filter(pk=row.pk).update(status=status, open_for=None)
