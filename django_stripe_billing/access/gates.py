"""Views behind a feature."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.mixins import AccessMixin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from .request_billing import Billing, billing_of


def feature_required(
    key: str, *, redirect_to: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a view, sync or async, run only for subscribers who have a feature.

    Visitors who are not signed in go to the login page. The others get 403, or are redirected to
    `redirect_to`, a URL or the name of one. `key` is the feature's lookup key.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(view):

            @functools.wraps(view)
            async def async_gate(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                if hasattr(request, "auser"):
                    request.user = await request.auser()
                refusal = _refusal(request, await billing_of(request).load(), key, redirect_to)
                return refusal or await view(request, *args, **kwargs)

            return async_gate

        @functools.wraps(view)
        def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = _refusal(request, billing_of(request), key, redirect_to)
            return refusal or view(request, *args, **kwargs)

        return gate

    return decorate


class FeatureRequiredMixin(AccessMixin):
    """A class-based view that runs only for subscribers who have `required_feature`.

    Like Django's own access mixins: `raise_exception`, `login_url` and `handle_no_permission` apply
    to visitors who are not signed in. The others get 403, or are redirected to
    `feature_redirect_to`, a URL or the name of one.
    """

    required_feature: str = ""
    feature_redirect_to: str | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.required_feature:
            raise ImproperlyConfigured(f"{type(self).__name__} lacks `required_feature`.")
        if not billing_of(request).has(self.required_feature):
            if not request.user.is_authenticated:
                return self.handle_no_permission()
            if self.feature_redirect_to:
                return redirect(self.feature_redirect_to)
            raise PermissionDenied(message_of(self.required_feature))
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # the view's own
        return response


def message_of(key: str) -> str:
    """What a visitor without the feature is told."""
    return _("Your plan does not include %(feature)s.") % {"feature": key.replace("_", " ")}


def _refusal(
    request: HttpRequest, billing: Billing, key: str, redirect_to: str | None
) -> HttpResponseBase | None:
    if billing.has(key):
        return None
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if redirect_to is not None:
        return redirect(redirect_to)
    raise PermissionDenied(message_of(key))
