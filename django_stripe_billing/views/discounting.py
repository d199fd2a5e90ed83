"""A promotion code for a subscription that runs."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from .. import subscriptions
from ..exceptions import PromotionCodeError, SubscriptionStateError
from ..subscribers import resolve_subscriber
from .answering import asks_stripe, page, show, to_home
from .changing import chosen, say


class CodeForm(forms.Form):
    code = forms.CharField(max_length=200)


@require_http_methods(["GET", "POST"])
@csrf_protect
@page
@asks_stripe
def promotion_code(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST `code`: its discount, from the next invoice on."""
    subscriber = resolve_subscriber(request, "change")
    is_post = request.method == "POST"
    given = request.POST if is_post else request.GET
    standing = chosen(subscriber, given.get("subscription", ""))
    if standing is None:
        return to_home()
    form = CodeForm(request.POST if is_post else None)
    context = {"standing": standing, "form": form}
    if not is_post:
        return show(request, "promotion_code.html", context)
    if form.is_valid():
        try:
            subscriptions.apply_promotion_code(
                subscriber,
                form.cleaned_data["code"],
                subscription=standing.subscription.stripe_id,
            )
        except (PromotionCodeError, SubscriptionStateError) as error:
            form.add_error("code", str(error))
        else:
            say(request, _("The discount counts from your next invoice on."))
            return to_home()
    return show(request, "promotion_code.html", context, status=400)
