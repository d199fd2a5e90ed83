"""Saving a card without buying anything: Checkout in `setup` mode."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from django.urls import reverse

from ..conf import settings
from ..exceptions import StripeError, StripeObjectMissingError, StripeUnavailableError
from ..models import CheckoutSession, Customer, Price
from ..rules.json_values import CUSTOMER_PARAMETERS, customer_of, customer_parameter, identifier
from ..stripe_api import request as call
from ..sync import Cause, close_sessions, sync_customer
from .binding import bind_customer

CURRENCY = "usd"
"""What a page to save a card is shown for where nothing is sold yet."""


def start_setup(request: HttpRequest, subscriber: Any) -> str:
    """The URL of Stripe's page on which this subscriber saves a card.

    When they come back, that card becomes the one that invoices are charged to. Raises StripeError.
    https://docs.stripe.com/payments/save-and-reuse
    """
    customer = bind_customer(subscriber)
    try:
        return _open(request, customer)
    except StripeObjectMissingError as error:
        if error.param not in CUSTOMER_PARAMETERS:
            raise
    sync_customer(customer, cause=Cause(kind="checkout"))  # was it deleted in Stripe?
    return _open(request, bind_customer(subscriber))


def _open(request: HttpRequest, customer: Customer) -> str:
    row = CheckoutSession.objects.create(customer=customer, price_id="", mode="setup")
    back = request.build_absolute_uri(reverse("stripe_billing:checkout_return"))
    answer = call(
        "post",
        "/v1/checkout/sessions",
        {
            "mode": "setup",
            customer_parameter(str(customer.stripe_id)): customer.stripe_id,
            "currency": _currency(customer),
            "success_url": f"{back}?session_id={{CHECKOUT_SESSION_ID}}",
            "cancel_url": request.build_absolute_uri(settings.PORTAL_RETURN_URL),
        },
        idempotency_key=f"setup-{row.idempotency_key}",
    )
    session_id, url = identifier(answer.data), answer.data.get("url")
    if not session_id or not isinstance(url, str) or not url:
        raise StripeUnavailableError("Stripe's answer has no id, or no checkout address.")
    CheckoutSession.objects.filter(pk=row.pk).update(stripe_id=session_id)
    return url


def finish_setup(customer: Customer, row: CheckoutSession, session: dict[str, Any]) -> bool:
    """Make the card of a completed session the customer's default for invoices, once.

    In a request of the customer's own, never in a webhook. A page that is opened again later must
    not bring an old card back: the row says that it was done. Raises StripeError.
    """
    if row.status == "complete":
        return True
    intent_id = identifier(session.get("setup_intent"))
    intent = call("get", f"/v1/setup_intents/{quote(intent_id, safe='')}").data
    method_id = identifier(intent.get("payment_method"))
    is_saved = intent.get("status") == "succeeded"
    if not is_saved or not method_id or customer_of(intent) != customer.stripe_id:
        return False
    try:
        call(
            "post",
            f"/v1/customers/{quote(str(customer.stripe_id), safe='')}",
            {"invoice_settings": {"default_payment_method": method_id}},
            idempotency_key=f"setup-default-{row.idempotency_key}",
        )
    except StripeError:  # Stripe repeats it for its key: the next attempt has another one
        CheckoutSession.objects.filter(pk=row.pk).update(idempotency_key=uuid.uuid4())
        raise
    close_sessions(CheckoutSession.objects.filter(pk=row.pk), "complete")
    return True


def _currency(customer: Customer) -> str:
    """The customer's, else that of something on sale."""
    held = customer.subscriptions.exclude(currency="").order_by("-pk")
    sold = Price.objects.filter(account="", active=True, is_deleted=False).exclude(currency="")
    for rows in (held, sold.order_by("pk")):
        found = rows.values_list("currency", flat=True).first()
        if found:
            return str(found)
    return CURRENCY
