"""What all pages have in common: who may see them, and what an error looks like."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from ..access.request_billing import billing_of
from ..conf import settings
from ..exceptions import (
    AlreadyOwnedError,
    BillingError,
    NoCustomerError,
    StripeError,
    StripeUnavailableError,
    TooManyRequestsError,
)
from ..throttling import count_request

logger = logging.getLogger("django_stripe_billing.views")

View = Callable[..., HttpResponse]


class HttpResponseSeeOther(HttpResponseRedirect):
    """303: the answer to a POST is a page to GET."""

    status_code = 303


def page(view: View) -> View:
    """Signed-in visitors only, errors as a page with the right status, nothing cached.

    Who must sign in comes back to the page that they asked for, and after a POST to the plans.
    """

    @open_page
    @functools.wraps(view)
    def answer(request: HttpRequest, **named: str) -> HttpResponse:
        if not request.user.is_authenticated:
            is_page = request.method in {"GET", "HEAD"}
            return redirect_to_login(request.get_full_path() if is_page else settings.PRICING_URL)
        return view(request, **named)

    return answer


def asks_stripe(view: View) -> View:
    """Count the request against `THROTTLE`; stands below `page`."""

    @functools.wraps(view)
    def answer(request: HttpRequest, **named: str) -> HttpResponse:
        count_request(request.user)
        return view(request, **named)

    return answer


def open_page(view: View) -> View:
    """The same, for everybody."""

    @login_not_required  # we send visitors to sign in ourselves
    @never_cache
    @transaction.non_atomic_requests
    @functools.wraps(view)
    def answer(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            return view(request, **named)
        except NoCustomerError:
            return HttpResponseSeeOther(settings.PRICING_URL)
        except BadRequest as error:
            return error_page(request, str(error), status=400)
        except PermissionDenied as error:
            return error_page(request, str(error) or _("You may not do that."), status=403)
        except AlreadyOwnedError as error:
            return error_page(request, str(error), status=409)
        except TooManyRequestsError as error:
            message = _("That was too often in a short time. Try again a little later.")
            answer = error_page(request, message, status=429)
            answer["Retry-After"] = str(error.retry_after)
            return answer
        except (StripeError, BillingError) as error:
            status, message = told(error)
            return error_page(request, message, status=status)

    return answer


def told(error: Exception) -> tuple[int, str]:
    """The status and the sentence for a failure that is not the visitor's fault; it is logged."""
    if isinstance(error, StripeUnavailableError):
        logger.warning("Stripe did not answer: %s", error)
        return 503, _("The payment provider does not answer. Try again soon.")
    logger.error("Stripe refused: %s (request %s)", error, getattr(error, "request_id", ""))
    return 502, _("The payment provider refused that. We have been told.")


def show(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """A page of ours, with what every one of them may use."""
    shared = {"pricing_url": settings.PRICING_URL, "billing": billing_of(request)}
    return render(request, f"stripe_billing/{template}", {**shared, **context}, status=status)


def error_page(request: HttpRequest, message: str, *, status: int) -> HttpResponse:
    return show(request, "error.html", {"message": message, "status": status}, status=status)


def to_home() -> HttpResponse:
    return HttpResponseSeeOther(reverse("stripe_billing:home"))
