"""Stripe's customer portal: cards, invoices, plan changes, cancellation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .conf import settings
from .exceptions import NoCustomerError, StripeUnavailableError
from .models import Customer
from .stripe_api import request as call


def start_portal(request: HttpRequest, subscriber: Any) -> str:
    """The URL of the subscriber's portal: a bearer link, to be followed at once and never stored.

    Raises NoCustomerError when they never bought anything, and StripeError.
    https://docs.stripe.com/api/customer_portal/sessions/create
    """
    customer = Customer.objects.filter(account="", subscriber=subscriber, is_deleted=False).first()
    if customer is None or not customer.stripe_id:
        raise NoCustomerError("There is nothing to manage yet: no customer in Stripe.")
    answer = call(
        "post",
        "/v1/billing_portal/sessions",
        {
            "customer": customer.stripe_id,
            "return_url": request.build_absolute_uri(settings.PORTAL_RETURN_URL),
        },
    )
    url = answer.data.get("url")
    if not isinstance(url, str) or not url:
        raise StripeUnavailableError("Stripe's answer has no portal address.")
    return url
