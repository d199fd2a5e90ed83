"""What the project has beside STRIPE_BILLING."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage
from django.db import DEFAULT_DB_ALIAS, router

from ..conf import subscriber_model
from .messages import doubtful_setting, wrong_setting

MIDDLEWARE = "django_stripe_billing.access.BillingMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def check_subscriber() -> Iterator[CheckMessage]:
    try:
        apps.get_model(subscriber_model())
    except (LookupError, ValueError):
        text = "STRIPE_BILLING_SUBSCRIBER_MODEL names no installed model."
        hint = 'Write "app_label.Model" and add the app to INSTALLED_APPS.'
        yield wrong_setting("E010", text, hint)


def check_database() -> Iterator[CheckMessage]:
    models = apps.get_app_config("stripe_billing").get_models()
    used = {ask(model) for model in models for ask in (router.db_for_write, router.db_for_read)}
    elsewhere = sorted(used - {DEFAULT_DB_ALIAS})
    if elsewhere:
        text = f"A router sends tables of stripe_billing to {', '.join(elsewhere)}."
        hint = (
            "Keep them in the default database, and read them there: an event and its effects"
            " commit together, and a replica that lags behind would show what was so before."
        )
        yield wrong_setting("E021", text, hint)


def check_time_zones() -> Iterator[CheckMessage]:
    if not django_settings.USE_TZ:
        yield wrong_setting(
            "E011", "USE_TZ is off; access ends at moments in UTC.", "Set USE_TZ = True."
        )


def check_middleware() -> Iterator[CheckMessage]:
    order = list(django_settings.MIDDLEWARE)
    if MIDDLEWARE not in order:
        text = "BillingMiddleware is not in MIDDLEWARE, so views have no request.billing."
        yield doubtful_setting("W002", text, f'Add "{MIDDLEWARE}" after AuthenticationMiddleware.')
    elif AUTHENTICATION in order and order.index(MIDDLEWARE) < order.index(AUTHENTICATION):
        text = "BillingMiddleware stands before AuthenticationMiddleware in MIDDLEWARE."
        yield doubtful_setting("W002", text, "Move it behind: it asks who is signed in.")
