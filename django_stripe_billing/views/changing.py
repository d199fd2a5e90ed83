"""Another plan or quantity: what it costs is shown first, and the click takes exactly that."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from .. import subscriptions
from ..exceptions import (
    ActionRequiredError,
    NothingToChangeError,
    PaymentDeclinedError,
    PreviewExpiredError,
    StripeError,
    SubscriptionNotFoundError,
)
from ..models import Price, Subscription
from ..subscribers import resolve_subscriber
from ..subscriptions import ChangePreview
from . import wording
from .answering import HttpResponseSeeOther, asks_stripe, page, show, to_home, told
from .offers import offers_for
from .pricing import visitor_of
from .standing import Standing, standings

logger = logging.getLogger("django_stripe_billing.views")

LONGEST = 255


@require_http_methods(["GET", "POST"])
@csrf_protect
@page
@asks_stripe
def change(request: HttpRequest) -> HttpResponse:
    """GET: the other plans; with `price` or `quantity`, what that costs. POST `token`: do it."""
    subscriber = resolve_subscriber(request, "change")
    given = request.POST if request.method == "POST" else request.GET
    standing = chosen(subscriber, given.get("subscription", ""))
    if standing is None:
        return to_home()
    if request.method == "POST":
        return _accept(request, subscriber, standing)
    price, quantity = given.get("price", "")[:LONGEST], given.get("quantity", "")[:LONGEST]
    if not price and not quantity:
        return _plans(request, standing)
    try:
        preview = subscriptions.preview_change(
            subscriber,
            price=price,
            quantity=quantity or None,
            subscription=standing.subscription.stripe_id,
        )
    except (BadRequest, StripeError) as error:
        return _refused(request, standing, error)
    return _preview(request, standing, preview)


@require_POST
@csrf_protect
@page
@asks_stripe
def withdraw(request: HttpRequest) -> HttpResponse:
    """POST: take back the change that was to come at the end of the period."""
    subscriber = resolve_subscriber(request, "change")
    standing = chosen(subscriber, request.POST.get("subscription", ""))
    if standing is None:
        return to_home()
    try:
        subscriptions.withdraw_scheduled_change(
            subscriber, subscription=standing.subscription.stripe_id
        )
    except NothingToChangeError:
        pass  # it was taken back before, or has happened
    else:
        say(request, _("The coming change was taken back."))
    return to_home()


def chosen(subscriber: Any, named: str) -> Standing | None:
    """The subscription that a page is about; None: none was named, and they have not just one.

    Raises SubscriptionNotFoundError, a 404, where a named one is not theirs.
    """
    try:
        row = subscriptions.own_subscription(subscriber, subscription=named)
    except SubscriptionNotFoundError:
        if named:
            raise
        return None
    return standings([row])[0]


def say(request: HttpRequest, text: str) -> None:
    """For the next page, where the project has Django's messages."""
    messages.success(request, text, fail_silently=True)


def _accept(request: HttpRequest, subscriber: Any, standing: Standing) -> HttpResponse:
    is_later = request.POST.get("when") == "period_end"
    try:
        subscriptions.accept_preview(
            subscriber,
            request.POST.get("token", ""),
            when="period_end" if is_later else "now",
        )
    except NothingToChangeError:
        return to_home()
    except ActionRequiredError as error:
        if not error.hosted_url:
            return _refused(request, standing, error)
        return HttpResponseSeeOther(error.hosted_url)
    except (BadRequest, StripeError) as error:
        return _refused(request, standing, error)
    say(request, _("The change is planned.") if is_later else _("Your subscription is changed."))
    return to_home()


def _plans(
    request: HttpRequest, standing: Standing, *, error: str = "", status: int = 200
) -> HttpResponse:
    """What it may change to, in its own currency."""
    offers = offers_for(
        visitor_of(None, [standing]),
        interval=request.GET.get("interval", ""),
        currency=standing.subscription.currency,
    )
    context = {
        "standing": standing,
        "offers": offers,
        "error": error,
        "scheduled": _scheduled(standing.subscription),
    }
    return show(request, "change.html", context, status=status)


def _preview(request: HttpRequest, standing: Standing, preview: ChangePreview) -> HttpResponse:
    rows = Price.objects.filter(account="", stripe_id=preview.price_id).select_related("product")
    price = rows.get()
    context = {
        "standing": standing,
        "preview": preview,
        "price": price,
        "amount": wording.amount(price, preview.quantity),
        "period": wording.period(price.interval, price.interval_count),
        "credit": max(0, -preview.total),
    }
    return show(request, "change_preview.html", context)


def _refused(request: HttpRequest, standing: Standing, error: Exception) -> HttpResponse:
    """The same page again, with what is wrong."""
    if isinstance(error, PreviewExpiredError):
        return _plans(request, standing, error=str(error), status=409)
    if isinstance(error, PaymentDeclinedError | ActionRequiredError):
        return _plans(request, standing, error=str(error), status=402)
    if isinstance(error, BadRequest):
        return _plans(request, standing, error=str(error), status=400)
    status, message = told(error)
    return _plans(request, standing, error=message, status=status)


def _scheduled(row: Subscription) -> dict[str, Any] | None:
    """The change that waits for the end of the period; the page does without an answer."""
    try:
        found = subscriptions.scheduled_change(row)
    except StripeError as error:
        logger.warning("Whether a change is planned is not known: %s", error)
        return None
    if found is None:
        return None
    price = Price.objects.filter(account="", stripe_id=found.price_id).first()
    name = str(price.product) if price else found.price_id
    return {"name": name, "quantity": found.quantity, "at": found.at}
