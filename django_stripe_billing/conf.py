"""The settings, read when they are used, so that overriding one in a test just works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .rules.entitlements import Policy
from .rules.payments import PaymentPolicy
from .rules.throttling import Rate, parse_rate

STRIPE_API_BASE = "https://api.stripe.com"

DEFAULTS: dict[str, Any] = {
    "API_KEY": "",
    "API_BASE": "",
    "WEBHOOK_SECRETS": [],
    "CONNECT_WEBHOOK_SECRETS": [],
    "CONNECT_ACCOUNTS": [],
    "CONNECT": None,
    "WEBHOOK_TOLERANCE": 300,
    "WEBHOOK_MAX_BYTES": 1_000_000,
    "SUBSCRIBER": "django_stripe_billing.subscribers.request_user",
    "CUSTOMER_DETAILS": "django_stripe_billing.subscribers.customer_details",
    "LEEWAY": timedelta(days=3),
    "GRACE": timedelta(days=7),
    "REFUNDS": "full",
    "DISPUTES": "open",
    "PRICES": None,
    "ENQUEUE": "django_stripe_billing.reconcile.tasks.enqueue",
    "USAGE_COUNTERS": {},
    "PRICING_URL": "/",
    "PORTAL_RETURN_URL": "/",
    "AUTOMATIC_TAX": False,
    "TAX_ID_COLLECTION": False,
    "ALLOW_PROMOTION_CODES": False,
    "EMAILS": {},
    "EMAIL_RECIPIENT": "django_stripe_billing.emails.recipient_of",
    "EMAIL_LANGUAGE": "",
    "THROTTLE": "300/min",
    "MAX_NETWORK_RETRIES": 2,
    "TIMEOUT": 30,
    "HTTP_CLIENT": None,
}
"""Every key of the `STRIPE_BILLING` dict with its default; documented in docs/settings.md."""


class Settings:
    """Attribute access to `settings.STRIPE_BILLING`, defaults filled in."""

    def __getattr__(self, name: str) -> Any:
        if name not in DEFAULTS:
            raise AttributeError(name)
        given = getattr(django_settings, "STRIPE_BILLING", {})
        return given[name] if name in given else DEFAULTS[name]

    def callable(self, name: str) -> Any:
        """The function that a setting names by dotted path, or is."""
        value = getattr(self, name)
        if not isinstance(value, str):
            return value
        try:
            return import_string(value)
        except ImportError as error:
            raise ImproperlyConfigured(f'STRIPE_BILLING["{name}"]: {error}') from error

    @property
    def livemode(self) -> bool:
        """Whether the API key is a live one."""
        return "_live_" in str(self.API_KEY)[:12]

    @property
    def api_base(self) -> str:
        """Where Stripe's API is, without a trailing slash."""
        return str(self.API_BASE or STRIPE_API_BASE).rstrip("/")

    @property
    def webhook_secrets(self) -> list[str]:
        """The signing secrets of the platform's endpoints that are not blank."""
        return _secrets(self.WEBHOOK_SECRETS)

    @property
    def connect_webhook_secrets(self) -> list[str]:
        """The same of the endpoints that hear of connected accounts."""
        return _secrets(self.CONNECT_WEBHOOK_SECRETS)

    @property
    def policy(self) -> Policy:
        return Policy(
            leeway_seconds=int(self.LEEWAY.total_seconds()),
            grace_seconds=int(self.GRACE.total_seconds()),
        )

    @property
    def payment_policy(self) -> PaymentPolicy:
        return PaymentPolicy(refunds=str(self.REFUNDS), disputes=str(self.DISPUTES))

    @property
    def throttle(self) -> Rate | None:
        """How often one user may ask for what calls Stripe; None: without limit."""
        return None if self.THROTTLE is None else parse_rate(str(self.THROTTLE))


def _secrets(given: Any) -> list[str]:
    """A lone string is one secret, never its letters."""
    secrets = given if isinstance(given, list | tuple) else [given]
    return [secret for secret in secrets if isinstance(secret, str) and secret.strip()]


settings = Settings()


def subscriber_model() -> str:
    """The label of the model that pays, `app.Model`."""
    return str(
        getattr(django_settings, "STRIPE_BILLING_SUBSCRIBER_MODEL", django_settings.AUTH_USER_MODEL)
    )
