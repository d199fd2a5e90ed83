"""The portal, the card, invoices, and paying what was not paid."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from ..conf import settings
from ..dunning import retry_payment
from ..exceptions import (
    ActionRequiredError,
    InvoiceNotFoundError,
    NothingToPayError,
    PaymentDeclinedError,
    StripeError,
    TooManyRequestsError,
)
from ..invoices import credit_of, invoice_of, invoices_of, payment_method_of
from ..portal import start_portal
from ..subscribers import resolve_subscriber
from ..throttling import count_request
from .answering import HttpResponseSeeOther, asks_stripe, error_page, logger, page, show

INVOICES_PER_PAGE = 20


@require_POST
@csrf_protect
@page
@asks_stripe
def portal(request: HttpRequest) -> HttpResponse:
    """POST: on to Stripe's customer portal."""
    return HttpResponseSeeOther(start_portal(request, resolve_subscriber(request, "portal")))


@require_POST
@csrf_protect
@page
@asks_stripe
def update_card(request: HttpRequest) -> HttpResponse:
    """POST: on to the portal's page for another card."""
    subscriber = resolve_subscriber(request, "portal")
    return HttpResponseSeeOther(start_portal(request, subscriber, flow="payment_method_update"))


@require_GET
@page
def invoices(request: HttpRequest) -> HttpResponse:
    """The subscriber's invoices, the payment method on file, and their credit."""
    subscriber = resolve_subscriber(request, "portal")
    found = Paginator(invoices_of(subscriber), INVOICES_PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": found, **charged(request, subscriber)}
    return show(request, "invoices.html", context)


def charged(request: HttpRequest, subscriber: Any) -> dict[str, Any]:
    """The payment method on file and the credit; a page does without the former where Stripe does
    not answer, or where somebody has asked it too often."""
    try:
        method = payment_method_of(subscriber, before_asking=lambda: count_request(request.user))
    except (StripeError, TooManyRequestsError) as error:
        logger.warning("The payment method is not known: %s", error)
        method = None
    return {"payment_method": method, "credit": credit_of(subscriber)}


@require_GET
@page
def invoice(request: HttpRequest, stripe_id: str) -> HttpResponse:
    """On to Stripe's page of one of the subscriber's own invoices, to be paid or printed there."""
    found = invoice_of(resolve_subscriber(request, "portal"), stripe_id)
    if not found.hosted_invoice_url:
        raise InvoiceNotFoundError("The invoice has no page.")
    return HttpResponseSeeOther(found.hosted_invoice_url)


@require_POST
@csrf_protect
@page
@asks_stripe
def retry(request: HttpRequest) -> HttpResponse:
    """POST: charge the oldest open invoice again; on to the bank's page where that is wanted."""
    subscriber = resolve_subscriber(request, "portal")
    try:
        retry_payment(subscriber)
    except ActionRequiredError as error:
        if error.hosted_url:
            return HttpResponseSeeOther(error.hosted_url)
        return HttpResponseSeeOther(start_portal(request, subscriber))
    except NothingToPayError:
        pass  # somebody else was faster, or the webhook was
    except PaymentDeclinedError as error:
        return error_page(request, str(error), status=402)
    return HttpResponseSeeOther(settings.PORTAL_RETURN_URL)
