"""System checks: every wrong setting is named, with the mend, before it does harm.

No message shows a setting's value: it may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Tags, register
from django.db import DEFAULT_DB_ALIAS, connection
from django.urls import NoReverseMatch, reverse

from ..conf import settings
from . import functions, project, stripe, values
from .messages import doubtful_setting, given_settings, setting_name, wrong_setting

TAG = "stripe_billing"


@register(TAG)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Everything that can be said without asking Stripe."""
    if not isinstance(given_settings(), dict):
        return [wrong_setting("E004", "STRIPE_BILLING is no dict.", "Set STRIPE_BILLING = {…}.")]
    return [message for check in CHECKS for message in check()]


@register(TAG, deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """What is wrong in production only."""
    if not isinstance(given_settings(), dict) or not str(settings.API_KEY).startswith("sk_"):
        return []
    text = f"{setting_name('API_KEY')} is a secret key with every permission."
    hint = "Use a restricted key (rk_…) with the permissions in docs/security.md."
    return [doubtful_setting("W003", text, hint)]


@register(TAG, Tags.urls)
def check_urls(**kwargs: Any) -> list[CheckMessage]:
    """Stripe must find the webhook."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    try:
        reverse("stripe_billing:webhook")
    except NoReverseMatch:
        text = "No URL leads to the webhook, so nothing that is paid would be heard of."
        hint = 'Add path("billing/", include("django_stripe_billing.urls")) to your URLs.'
        return [doubtful_setting("W004", text, hint)]
    return []


@register(TAG, Tags.database)
def check_collation(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Ids and usage identifiers may differ in nothing but the case of a letter."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or connection.vendor != "mysql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@collation_database")
        [collation] = cursor.fetchone()
    if not str(collation).endswith("_ci"):
        return []
    text = f"The database compares text without regard to case ({collation})."
    hint = "ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, before the first migrate."
    return [doubtful_setting("W010", text, hint)]


CHECKS: list[Callable[[], Iterator[CheckMessage]]] = [
    values.check_unknown_keys,
    stripe.check_api_key,
    stripe.check_webhook_secrets,
    stripe.check_connect_secrets,
    stripe.check_connect_accounts,
    stripe.check_api_base,
    stripe.check_http_client,
    functions.check_callables,
    functions.check_emails,
    functions.check_counters,
    values.check_flags,
    values.check_numbers,
    values.check_durations,
    values.check_policies,
    values.check_throttle,
    values.check_prices,
    values.check_pages,
    project.check_subscriber,
    project.check_database,
    project.check_time_zones,
    project.check_middleware,
]
