"""`request.billing`: what the request's subscriber may use, asked at most once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase

from ..subscribers import resolve_subscriber
from .dunning import Dunning, dunning_of
from .reading import ByFeature, FeatureAccess, entitlements, limit_of


class Billing:
    """What the subscriber of a request may use.

    The subscriber is resolved and the database asked once, when the first question comes, and anew
    when the request's user has changed since: somebody signed in. In async code, `await
    request.billing.load()` before asking.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._asked_for: object = _NOBODY_YET
        self._subscriber: Model | None = None
        self._features: ByFeature[FeatureAccess] | None = None
        self._trouble: tuple[Dunning | None] | None = None

    @property
    def subscriber(self) -> Model | None:
        """Whom the STRIPE_BILLING["SUBSCRIBER"] hook names; None when it denies the request."""
        user = getattr(getattr(self._request, "user", None), "pk", None)
        if self._asked_for != user:
            try:
                self._subscriber = resolve_subscriber(self._request, "access")
            except PermissionDenied:
                self._subscriber = None
            self._asked_for, self._features, self._trouble = user, None, None
        return self._subscriber

    @property
    def features(self) -> ByFeature[FeatureAccess]:
        """By lookup key; in templates `{% if billing.features.reports %}`."""
        subscriber = self.subscriber
        if self._features is None:
            self._features = entitlements(subscriber)
        return self._features

    @property
    def limits(self) -> ByFeature[int | None]:
        """The limits of the granted features; in templates `{{ billing.limits.seats }}`."""
        return ByFeature({key: feature.limit for key, feature in self.features.items()})

    @property
    def trouble(self) -> Dunning | None:
        """The subscriber's unpaid invoice; None when all is paid. Asked once, when it is wanted."""
        subscriber = self.subscriber
        if self._trouble is None:
            self._trouble = (dunning_of(subscriber),)
        return self._trouble[0]

    def has(self, key: str) -> bool:
        """Whether the feature may be used now."""
        return key in self.features

    def limit(self, key: str) -> int | None:
        """How much of it: 0 when it is not granted, None when it is without limit."""
        return limit_of(self.features, key)

    async def load(self) -> Billing:
        """Ask now, for async code."""
        await sync_to_async(lambda: self.features)()
        return self


_NOBODY_YET = object()


def billing_of(request: Any) -> Billing:
    """The billing of a Django or REST framework request, with or without the middleware.

    REST framework writes the user whom it authenticated onto Django's request, too.
    """
    plain = getattr(request, "_request", request)
    if not isinstance(getattr(plain, "billing", None), Billing):
        plain.billing = Billing(plain)
    found: Billing = plain.billing
    return found


class BillingMiddleware:
    """Sets `request.billing`, which costs nothing until it is asked.

    Stands after Django's AuthenticationMiddleware.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]],
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        billing_of(request)
        return self.get_response(request)
