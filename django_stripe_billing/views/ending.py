"""Cancelling, resuming and pausing: each page says what will happen before it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from .. import subscriptions
from ..exceptions import (
    ActionRequiredError,
    NothingToChangeError,
    PaymentDeclinedError,
    StripeError,
)
from ..subscribers import resolve_subscriber
from .answering import HttpResponseSeeOther, asks_stripe, page, show, to_home, told
from .changing import chosen, say
from .standing import Standing

LONGEST_COMMENT = 500

REASONS = {
    "too_expensive": gettext_lazy("It is too expensive."),
    "missing_features": gettext_lazy("Something that I need is missing."),
    "switched_service": gettext_lazy("I am going to use something else."),
    "unused": gettext_lazy("I do not use it enough."),
    "customer_service": gettext_lazy("I am not content with the support."),
    "too_complex": gettext_lazy("It is too hard to use."),
    "low_quality": gettext_lazy("It is not good enough."),
    "other": gettext_lazy("Another reason."),
}
"""In words, what Stripe counts: `subscriptions.FEEDBACK`."""


class CancelForm(forms.Form):
    """Why somebody leaves: nobody has to say."""

    feedback = forms.ChoiceField(choices=REASONS, required=False, widget=forms.RadioSelect)
    comment = forms.CharField(
        max_length=LONGEST_COMMENT, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class NoForm(forms.Form):
    """A question with one answer."""


@require_http_methods(["GET", "POST"])
@csrf_protect
@page
@asks_stripe
def cancel(request: HttpRequest) -> HttpResponse:
    """GET: until when access goes on. POST: end it then."""
    return _ask(
        request,
        "cancel.html",
        form_class=CancelForm,
        is_possible=lambda standing: standing.can_cancel,
        act=subscriptions.cancel,
        done=_("Your subscription is cancelled."),
    )


@require_http_methods(["GET", "POST"])
@csrf_protect
@page
@asks_stripe
def resume(request: HttpRequest) -> HttpResponse:
    """GET: what will be charged, and when. POST: go on."""
    return _ask(
        request,
        "resume.html",
        is_possible=lambda standing: standing.can_resume,
        act=subscriptions.resume,
        done=_("Your subscription goes on."),
    )


@require_http_methods(["GET", "POST"])
@csrf_protect
@page
@asks_stripe
def pause(request: HttpRequest) -> HttpResponse:
    """GET: what a pause means. POST: begin one."""
    return _ask(
        request,
        "pause.html",
        is_possible=lambda standing: standing.can_pause,
        act=subscriptions.pause,
        done=_("Your subscription is paused."),
    )


def _ask(
    request: HttpRequest,
    template: str,
    *,
    is_possible: Callable[[Standing], bool],
    act: Callable[..., Any],
    done: str,
    form_class: type[forms.Form] = NoForm,
) -> HttpResponse:
    """Ask once, then act. What is done already, or can't be done, leads home."""
    subscriber = resolve_subscriber(request, "change")
    given = request.POST if request.method == "POST" else request.GET
    standing = chosen(subscriber, given.get("subscription", ""))
    if standing is None or not is_possible(standing):
        return to_home()
    form = form_class(request.POST if request.method == "POST" else None)
    context = {"standing": standing, "form": form}
    if request.method == "GET":
        return show(request, template, context)
    if not form.is_valid():
        return show(request, template, context, status=400)
    try:
        act(subscriber, subscription=standing.subscription.stripe_id, **form.cleaned_data)
    except NothingToChangeError:
        return to_home()
    except ActionRequiredError as error:
        if error.hosted_url:
            return HttpResponseSeeOther(error.hosted_url)
        return show(request, template, {**context, "error": str(error)}, status=402)
    except PaymentDeclinedError as error:
        return show(request, template, {**context, "error": str(error)}, status=402)
    except BadRequest as error:
        return show(request, template, {**context, "error": str(error)}, status=400)
    except StripeError as error:
        status, message = told(error)
        return show(request, template, {**context, "error": message}, status=status)
    say(request, done)
    return to_home()
