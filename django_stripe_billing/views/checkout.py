"""Checkout, saving a card, the way back from Stripe, and its status."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from ..checkout import read_return, start_checkout, start_setup, status_of
from ..conf import settings
from ..exceptions import AlreadySubscribedError
from ..portal import start_portal
from ..subscribers import resolve_subscriber
from .answering import HttpResponseSeeOther, asks_stripe, page, show


@require_POST
@csrf_protect
@page
@asks_stripe
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
@page
@asks_stripe
def setup(request: HttpRequest) -> HttpResponse:
    """POST: on to Stripe's page on which a card is saved."""
    return HttpResponseSeeOther(start_setup(request, resolve_subscriber(request, "portal")))


@require_GET
@page
@asks_stripe
def checkout_return(request: HttpRequest) -> HttpResponse:
    """Where Stripe sends the visitor back to; grants nothing by itself."""
    subscriber = resolve_subscriber(request, "checkout")
    session_id = request.GET.get("session_id", "")
    state = read_return(subscriber, session_id)
    context = {
        "state": state.status,
        "is_payment": state.mode == "payment",
        "session_id": session_id,
        "next_url": settings.PORTAL_RETURN_URL,
    }
    return show(request, "checkout_return.html", context)


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
