"""System checks: every wrong setting is named, with the mend, before it does harm.

No message shows a setting's value: it may be a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from .conf import DEFAULTS, STRIPE_API_BASE, settings, subscriber_model

MIDDLEWARE = "django_stripe_billing.access.BillingMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


@register()
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Everything that can be said without asking Stripe."""
    given = getattr(django_settings, "STRIPE_BILLING", {})
    if not isinstance(given, dict):
        return [_error("E004", "STRIPE_BILLING is no dict.", "Set STRIPE_BILLING = {…}.")]
    return [message for check in CHECKS for message in check()]


@register(deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """What is wrong in production only."""
    found: list[CheckMessage] = []
    if str(settings.API_KEY).startswith("sk_"):
        found.append(
            _warning(
                "W003",
                'STRIPE_BILLING["API_KEY"] is a secret key with every permission.',
                "Use a restricted key (rk_…) with the permissions in docs/settings.md.",
            )
        )
    return found


@register(Tags.urls)
def check_urls(**kwargs: Any) -> list[CheckMessage]:
    """Stripe must find the webhook."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    try:
        reverse("stripe_billing:webhook")
    except NoReverseMatch:
        return [
            _warning(
                "W004",
                "No URL leads to the webhook, so nothing that is paid would be heard of.",
                'Add path("billing/", include("django_stripe_billing.urls")) to your URLs.',
            )
        ]
    return []


def _unknown_keys() -> Iterator[CheckMessage]:
    for key in getattr(django_settings, "STRIPE_BILLING", {}):
        if key in DEFAULTS:
            continue
        near = difflib.get_close_matches(str(key).upper(), DEFAULTS, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        yield _error(
            "E004",
            f"STRIPE_BILLING has an unknown key {str(key)[:40]!r}.{meant}",
            "Remove or rename it; docs/settings.md lists the keys.",
        )


def _api_key() -> Iterator[CheckMessage]:
    key = settings.API_KEY
    if isinstance(key, str) and key.startswith(("sk_test_", "rk_test_")):
        return
    if isinstance(key, str) and key.startswith(("sk_live_", "rk_live_")):
        if django_settings.DEBUG:
            yield _warning(
                "W001",
                'STRIPE_BILLING["API_KEY"] is a live key while DEBUG is on: real money would move.',
                "Use a test key, or the sandbox (manage.py stripe_sandbox).",
            )
        return
    if not key:
        yield _missing(
            "E001",
            'STRIPE_BILLING["API_KEY"] is empty.',
            "Set it to your restricted or secret key, rk_… or sk_…; for development any sk_test_…"
            " key and the sandbox will do.",
        )
    elif isinstance(key, str) and key.startswith("pk_"):
        yield _error(
            "E001",
            'STRIPE_BILLING["API_KEY"] is a publishable key (pk_…), which can\'t do anything.',
            "Use the restricted or secret key, rk_… or sk_….",
        )
    else:
        yield _error(
            "E001",
            'STRIPE_BILLING["API_KEY"] is no API key of Stripe\'s.',
            "It starts with rk_test_, rk_live_, sk_test_ or sk_live_.",
        )


def _webhook_secrets() -> Iterator[CheckMessage]:
    name = 'STRIPE_BILLING["WEBHOOK_SECRETS"]'
    secrets = settings.WEBHOOK_SECRETS
    if isinstance(secrets, str) or not isinstance(secrets, list | tuple):
        yield _error("E002", f"{name} is no list.", 'Write ["whsec_…"], also for a single one.')
    elif not secrets:
        yield _missing(
            "E002",
            f"{name} is empty: every webhook would be refused.",
            "Add the signing secret of your webhook endpoint, whsec_….",
        )
    elif not all(isinstance(entry, str) and entry.startswith("whsec_") for entry in secrets):
        yield _error(
            "E002",
            f"{name} has an entry that is no signing secret.",
            "Each starts with whsec_; a blank one comes from an unset environment variable.",
        )


def _api_base() -> Iterator[CheckMessage]:
    base = settings.API_BASE
    if not isinstance(base, str) or (base and not base.startswith(("http://", "https://"))):
        yield _error(
            "E003",
            'STRIPE_BILLING["API_BASE"] is no URL.',
            "Leave it empty for Stripe itself, or set http://127.0.0.1:12111 for the sandbox.",
        )
    elif settings.api_base != STRIPE_API_BASE and not django_settings.DEBUG:
        yield _error(
            "E003",
            'STRIPE_BILLING["API_BASE"] is not Stripe\'s while DEBUG is off: whoever answers there'
            " decides who has paid.",
            "Leave it empty in production.",
        )
    if settings.HTTP_CLIENT is not None and not django_settings.DEBUG:
        yield _error(
            "E012",
            'STRIPE_BILLING["HTTP_CLIENT"] is set while DEBUG is off; it is for tests.',
            "Remove it in production.",
        )


def _callables() -> Iterator[CheckMessage]:
    for name in ("SUBSCRIBER", "CUSTOMER_DETAILS"):
        try:
            found = settings.callable(name)
        except ImproperlyConfigured as error:
            yield _error("E005", str(error), "Name a function by its dotted path.")
            continue
        if not callable(found):
            yield _error(
                "E005",
                f'STRIPE_BILLING["{name}"] is not callable.',
                "Name a function by its dotted path.",
            )


def _numbers() -> Iterator[CheckMessage]:
    bounds = {
        "WEBHOOK_TOLERANCE": ("E006", 1, 86_400, "seconds"),
        "WEBHOOK_MAX_BYTES": ("E006", 1_000, 100_000_000, "bytes"),
        "MAX_NETWORK_RETRIES": ("E009", 0, 10, "retries"),
        "TIMEOUT": ("E009", 1, 600, "seconds"),
    }
    for name, (code, lowest, highest, unit) in bounds.items():
        value = getattr(settings, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not lowest <= value <= highest:
            yield _error(
                code,
                f'STRIPE_BILLING["{name}"] is not from {lowest} to {highest} {unit}.',
                f"The default is {DEFAULTS[name]}.",
            )
    largest = django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if (
        largest is not None
        and isinstance(settings.WEBHOOK_MAX_BYTES, int)
        and largest < settings.WEBHOOK_MAX_BYTES
    ):
        yield _warning(
            "W005",
            "DATA_UPLOAD_MAX_MEMORY_SIZE refuses webhooks that WEBHOOK_MAX_BYTES would take.",
            "Raise the one or lower the other.",
        )


def _durations() -> Iterator[CheckMessage]:
    for name in ("LEEWAY", "GRACE"):
        value = getattr(settings, name)
        if not isinstance(value, timedelta) or value < timedelta(0):
            yield _error(
                "E007",
                f'STRIPE_BILLING["{name}"] is no timedelta of zero or more.',
                f"Write timedelta(days={DEFAULTS[name].days}).",
            )


def _prices() -> Iterator[CheckMessage]:
    prices = settings.PRICES
    is_list = isinstance(prices, list | tuple | set) and all(
        isinstance(entry, str) and entry for entry in prices
    )
    if prices is not None and not is_list:
        yield _error(
            "E008",
            'STRIPE_BILLING["PRICES"] is no list of lookup keys or price ids.',
            "Use None to sell every active price that has a lookup key.",
        )


def _subscriber() -> Iterator[CheckMessage]:
    try:
        apps.get_model(subscriber_model())
    except (LookupError, ValueError):
        yield _error(
            "E010",
            "STRIPE_BILLING_SUBSCRIBER_MODEL names no installed model.",
            'Write "app_label.Model" and add the app to INSTALLED_APPS.',
        )


def _time_zones() -> Iterator[CheckMessage]:
    if not django_settings.USE_TZ:
        yield _error("E011", "USE_TZ is off; access ends at moments in UTC.", "Set USE_TZ = True.")


def _middleware() -> Iterator[CheckMessage]:
    order = list(django_settings.MIDDLEWARE)
    if MIDDLEWARE not in order:
        yield _warning(
            "W002",
            "BillingMiddleware is not in MIDDLEWARE, so views have no request.billing.",
            f'Add "{MIDDLEWARE}" after AuthenticationMiddleware.',
        )
    elif AUTHENTICATION in order and order.index(MIDDLEWARE) < order.index(AUTHENTICATION):
        yield _warning(
            "W002",
            "BillingMiddleware stands before AuthenticationMiddleware.",
            "Move it behind: it asks who is signed in.",
        )


CHECKS: list[Callable[[], Iterator[CheckMessage]]] = [
    _unknown_keys,
    _api_key,
    _webhook_secrets,
    _api_base,
    _callables,
    _numbers,
    _durations,
    _prices,
    _subscriber,
    _time_zones,
    _middleware,
]


def _missing(code: str, text: str, hint: str) -> CheckMessage:
    """A setting that is still to be made: in development that must not stop `migrate`."""
    make = Warning if django_settings.DEBUG else Error
    return make(text, hint=hint, id=f"stripe_billing.{code}")


def _error(code: str, text: str, hint: str) -> CheckMessage:
    return Error(text, hint=hint, id=f"stripe_billing.{code}")


def _warning(code: str, text: str, hint: str) -> CheckMessage:
    return Warning(text, hint=hint, id=f"stripe_billing.{code}")
