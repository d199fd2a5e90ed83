"""Stripe's customer portal: cards, invoices, plan changes, cancellation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .conf import settings
from .exceptions import NoCustomerError, StripeObjectMissingError, StripeUnavailableError
from .models import Customer
from .rules.json_values import CUSTOMER_PARAMETERS, customer_parameter
from .stripe_api import request as call
from .sync import Cause, sync_customer

FLOWS = frozenset({"payment_method_update"})
"""What the portal may be opened for directly, instead of its first page."""


def start_portal(
    request: HttpRequest, subscriber: Any, *, flow: str = "", account: str = ""
) -> str:
    """The URL of the subscriber's portal: a bearer link, to be followed at once and never stored.

    `flow` is one of FLOWS, or '' for the first page. `account` opens that of their customer in a
    connected account. Raises NoCustomerError when they never bought anything there, ValueError for
    another flow, and StripeError.
    https://docs.stripe.com/api/customer_portal/sessions/create
    """
    if flow and flow not in FLOWS:
        raise ValueError(f"{flow!r} is none of {sorted(FLOWS)}.")
    customer = Customer.objects.filter(
        account=account, subscriber=subscriber, is_deleted=False
    ).first()
    if customer is None or not customer.stripe_id:
        raise NoCustomerError("There is nothing to manage yet: no customer in Stripe.")
    return open_portal(request, customer, flow=flow)


def open_portal(request: HttpRequest, customer: Customer, *, flow: str = "") -> str:
    """The same for a customer whom the caller has chosen: staff who send somebody their link."""
    if customer.is_deleted or not customer.stripe_id:
        raise NoCustomerError("There is nothing to manage: no customer in Stripe.")
    back = request.build_absolute_uri(settings.PORTAL_RETURN_URL)
    params: dict[str, Any] = {
        customer_parameter(customer.stripe_id): customer.stripe_id,
        "return_url": back,
    }
    if flow:
        params["flow_data"] = {
            "type": flow,
            "after_completion": {"type": "redirect", "redirect": {"return_url": back}},
        }
    try:
        answer = call("post", "/v1/billing_portal/sessions", params, account=customer.account)
    except StripeObjectMissingError as error:
        if error.param not in CUSTOMER_PARAMETERS:
            raise
        sync_customer(customer, cause=Cause(kind="checkout"))  # was it deleted in Stripe?
        if not Customer.objects.filter(pk=customer.pk, is_deleted=True).exists():
            raise
        raise NoCustomerError("There is nothing to manage: no customer in Stripe.") from None
    url = answer.data.get("url")
    if not isinstance(url, str) or not url:
        raise StripeUnavailableError("Stripe's answer has no portal address.")
    return url
