"""Views behind a feature."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.mixins import AccessMixin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from ..conf import settings
from ..models import Feature, Product
from .request_billing import billing_of


def feature_required(
    key: str, *, redirect_to: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a view, sync or async, run only for subscribers who have a feature.

    Visitors who are not signed in go to the login page. The others get 403 with the page
    `stripe_billing/feature_required.html`, or are redirected to `redirect_to`, a URL or the name of
    one. Who wants no HTML gets Django's own 403. `key` is the feature's lookup key.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def async_gate(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                if hasattr(request, "auser"):
                    request.user = await request.auser()
                refusal = await sync_to_async(_refusal)(request, key, redirect_to)
                return refusal or await view(request, *args, **kwargs)

            return async_gate

        @functools.wraps(view)
        def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = _refusal(request, key, redirect_to)
            return refusal or view(request, *args, **kwargs)

        return gate

    return decorate


class FeatureRequiredMixin(AccessMixin):
    """A class-based view that runs only for subscribers who have `required_feature`.

    Like Django's own access mixins: `raise_exception`, `login_url` and `handle_no_permission` apply
    to visitors who are not signed in. The others are answered as by the decorator, and redirected
    to `feature_redirect_to`, a URL or the name of one.
    """

    required_feature: str = ""
    feature_redirect_to: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.required_feature:
            raise ImproperlyConfigured(f"{type(self).__name__} lacks `required_feature`.")
        view: Any = super().dispatch  # type: ignore[misc]  # the view's own
        if not getattr(self, "view_is_async", False):
            response: HttpResponseBase = self._refused(request) or view(request, *args, **kwargs)
            return response

        async def later() -> HttpResponseBase:
            refused = await sync_to_async(self._refused)(request)
            answer: HttpResponseBase = refused or await view(request, *args, **kwargs)
            return answer

        return later()  # type: ignore[return-value]  # Django awaits what an async view returns

    def _refused(self, request: HttpRequest) -> HttpResponseBase | None:
        if billing_of(request).has(self.required_feature):
            return None
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if self.feature_redirect_to:
            return redirect(self.feature_redirect_to)
        return feature_page(request, self.required_feature)


def message_of(key: str) -> str:
    """What a visitor without the feature is told."""
    return _("This needs a plan with %(feature)s.") % {"feature": key.replace("_", " ")}


def feature_page(request: Any, key: str) -> HttpResponse:
    """403: "you need a plan for this", with the plans that include the feature; two queries.

    Raises PermissionDenied for a request of REST framework, and for one that takes no HTML.
    """
    message = message_of(key)
    if not isinstance(request, HttpRequest) or not request.accepts("text/html"):
        raise PermissionDenied(message)
    feature = Feature.objects.filter(account="", lookup_key=key).order_by("pk").first()
    products = Product.objects.filter(
        account="",
        active=True,
        is_deleted=False,
        product_features__feature=feature,
        product_features__removed_at=None,
        prices__active=True,
        prices__is_deleted=False,
    )
    context = {
        "key": key,
        "feature": feature.name if feature and feature.name else key.replace("_", " "),
        "message": message,
        "products": products.distinct() if feature else [],
        "pricing_url": settings.PRICING_URL,
        "billing": billing_of(request),
    }
    return render(request, "stripe_billing/feature_required.html", context, status=403)


def _refusal(request: HttpRequest, key: str, redirect_to: str | None) -> HttpResponseBase | None:
    if billing_of(request).has(key):
        return None
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if redirect_to is not None:
        return redirect(redirect_to)
    return feature_page(request, key)
