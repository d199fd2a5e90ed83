"""How a check says what is wrong. No message shows a setting's value: it may be a secret."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning

SECRET = re.compile(r"\b(?:[srp]k_(?:test|live)|whsec)_")


def given_settings() -> Any:
    return getattr(django_settings, "STRIPE_BILLING", {})


def setting_name(key: str) -> str:
    return f'STRIPE_BILLING["{key}"]'


def shown(text: str) -> str:
    """The text in brackets, unless a secret may have slipped into it."""
    return "" if SECRET.search(text) else f" ({text[:200]})"


def missing_setting(code: str, code_in_development: str, text: str, hint: str) -> CheckMessage:
    """A setting that is still to be made: in development that must not stop `migrate`."""
    if django_settings.DEBUG:
        return doubtful_setting(code_in_development, text, hint)
    return wrong_setting(code, text, hint)


def wrong_setting(code: str, text: str, hint: str) -> CheckMessage:
    return Error(text, hint=hint, id=f"stripe_billing.{code}")


def doubtful_setting(code: str, text: str, hint: str) -> CheckMessage:
    return Warning(text, hint=hint, id=f"stripe_billing.{code}")
