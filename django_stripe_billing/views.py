"""The pages: checkout, saving a card, the way back, its status, and the portal.

None runs inside a transaction of the request: each asks Stripe.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from .checkout import read_return, start_checkout, start_setup, status_of
from .conf import settings
from .dunning import retry_payment
from .exceptions import (
    ActionRequiredError,
    AlreadyOwnedError,
    AlreadySubscribedError,
    BillingError,
    InvoiceNotFoundError,
    NoCustomerError,
    NothingToPayError,
    PaymentDeclinedError,
    StripeError,
    StripeUnavailableError,
)
from .invoices import credit_of, invoice_of, invoices_of, payment_method_of
from .portal import start_portal
from .subscribers import resolve_subscriber

logger = logging.getLogger("django_stripe_billing.views")

View = Callable[..., HttpResponse]

INVOICES_PER_PAGE = 20


def _page(view: View) -> View:
    """Signed-in visitors only, errors as a page with the right status, nothing cached."""

    @login_not_required  # we send visitors to sign in ourselves, and back to the pricing page
    @never_cache
    @transaction.non_atomic_requests
    @functools.wraps(view)
    def page(request: HttpRequest, **named: str) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(settings.PRICING_URL)
        try:
            return view(request, **named)
        except NoCustomerError:
            return HttpResponseSeeOther(settings.PRICING_URL)
        except BadRequest as error:
            return _error(request, str(error), status=400)
        except PermissionDenied as error:
            return _error(request, str(error) or _("You may not do that."), status=403)
        except AlreadyOwnedError as error:
            return _error(request, str(error), status=409)
        except StripeUnavailableError as error:
            logger.warning("Stripe did not answer: %s", error)
            return _error(
                request, _("The payment provider does not answer. Try again soon."), status=503
            )
        except (StripeError, BillingError) as error:
            logger.error("Stripe refused: %s (request %s)", error, getattr(error, "request_id", ""))
            return _error(
                request, _("The payment provider refused that. We have been told."), status=502
            )

    return page


class HttpResponseSeeOther(HttpResponseRedirect):
    """303: the answer to a POST is a page to GET."""

    status_code = 303


@require_POST
@csrf_protect
@_page
def checkout(request: HttpRequest) -> HttpResponse:
    """POST `price` and `quantity`: on to Stripe's checkout page, or to the portal."""
    subscriber = resolve_subscriber(request, "checkout")
    try:
        url = start_checkout(
            request,
            subscriber,
            price=request.POST.get("price", ""),
            quantity=request.POST.get("quantity", "1"),
        )
    except AlreadySubscribedError:
        url = start_portal(request, subscriber)
    return HttpResponseSeeOther(url)


@require_POST
@csrf_protect
@_page
def setup(request: HttpRequest) -> HttpResponse:
    """POST: on to Stripe's page on which a card is saved."""
    return HttpResponseSeeOther(start_setup(request, resolve_subscriber(request, "portal")))


@require_GET
@_page
def checkout_return(request: HttpRequest) -> HttpResponse:
    """Where Stripe sends the visitor back to; grants nothing by itself."""
    subscriber = resolve_subscriber(request, "checkout")
    session_id = request.GET.get("session_id", "")
    state = read_return(subscriber, session_id)
    return render(
        request,
        "stripe_billing/checkout_return.html",
        {
            "state": state.status,
            "is_payment": state.mode == "payment",
            "session_id": session_id,
            "next_url": settings.PORTAL_RETURN_URL,
            **_pricing(),
        },
    )


@require_GET
@never_cache
@login_not_required
def status(request: HttpRequest) -> HttpResponse:
    """What the subscriber has now, as JSON: `{"active": true, "features": ["reports"]}`."""
    try:
        found = status_of(
            resolve_subscriber(request, "access"), session_id=request.GET.get("session_id", "")
        )
    except PermissionDenied:
        return JsonResponse({"active": False, "features": []}, status=403)
    return JsonResponse({"active": found.is_active, "features": sorted(found.features)})


@require_POST
@csrf_protect
@_page
def portal(request: HttpRequest) -> HttpResponse:
    """POST: on to Stripe's customer portal."""
    return HttpResponseSeeOther(start_portal(request, resolve_subscriber(request, "portal")))


@require_POST
@csrf_protect
@_page
def update_card(request: HttpRequest) -> HttpResponse:
    """POST: on to the portal's page for another card."""
    subscriber = resolve_subscriber(request, "portal")
    return HttpResponseSeeOther(start_portal(request, subscriber, flow="payment_method_update"))


@require_GET
@_page
def invoices(request: HttpRequest) -> HttpResponse:
    """The subscriber's invoices, the payment method on file, and their credit."""
    subscriber = resolve_subscriber(request, "portal")
    page = Paginator(invoices_of(subscriber), INVOICES_PER_PAGE).get_page(request.GET.get("page"))
    try:
        method = payment_method_of(subscriber)
    except StripeError as error:  # the list does not need it
        logger.warning("The payment method is not known: %s", error)
        method = None
    context = {"page": page, "payment_method": method, "credit": credit_of(subscriber)}
    return render(request, "stripe_billing/invoices.html", {**context, **_pricing()})


@require_GET
@_page
def invoice(request: HttpRequest, stripe_id: str) -> HttpResponse:
    """On to Stripe's page of one of the subscriber's own invoices, to be paid or printed there."""
    found = invoice_of(resolve_subscriber(request, "portal"), stripe_id)
    if not found.hosted_invoice_url:
        raise InvoiceNotFoundError("The invoice has no page.")
    return HttpResponseSeeOther(found.hosted_invoice_url)


@require_POST
@csrf_protect
@_page
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
        return _error(request, str(error), status=402)
    return HttpResponseSeeOther(settings.PORTAL_RETURN_URL)


def _error(request: HttpRequest, message: str, *, status: int) -> HttpResponse:
    context = {"message": message, "status": status, **_pricing()}
    return render(request, "stripe_billing/error.html", context, status=status)


def _pricing() -> dict[str, Any]:
    return {"pricing_url": settings.PRICING_URL}
