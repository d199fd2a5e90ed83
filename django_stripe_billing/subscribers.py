"""The default hooks: who the subscriber of a request is, and what Stripe may know of them."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Model
from django.http import HttpRequest

from .conf import settings, subscriber_model


def request_user(request: HttpRequest, action: str) -> Model:
    """The signed-in user, for projects whose users pay for themselves."""
    if not request.user.is_authenticated:
        raise PermissionDenied("Sign in first.")
    return request.user


def customer_details(subscriber: Model) -> dict[str, Any]:
    """The `email` and `name` that a new Stripe customer gets, where the subscriber has them."""
    name = getattr(subscriber, "get_full_name", None)
    details = {
        "email": getattr(subscriber, "email", ""),
        "name": name() if callable(name) else getattr(subscriber, "name", ""),
    }
    return {key: value for key, value in details.items() if value}


def resolve_subscriber(request: HttpRequest, action: str) -> Model:
    """The subscriber whom this request may act for; raises PermissionDenied.

    `action` is `access`, `checkout`, `portal` or `change`. This is the one place where the tenant
    is chosen: no id in the request has a say unless the project's own hook checks it.
    """
    subscriber = settings.callable("SUBSCRIBER")(request, action)
    if not isinstance(subscriber, Model) or subscriber.pk is None:
        raise PermissionDenied("Nobody to bill for this request.")
    expected: type[Model] = apps.get_model(subscriber_model())
    if not isinstance(subscriber, expected):
        raise ImproperlyConfigured(
            f'STRIPE_BILLING["SUBSCRIBER"] returned a {type(subscriber).__name__}; '
            f"STRIPE_BILLING_SUBSCRIBER_MODEL is {expected.__name__}."
        )
    return subscriber
