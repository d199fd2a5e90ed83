"""Stripe's errors as ours, without anything secret in them."""

from __future__ import annotations

import re

import stripe

from ..conf import STRIPE_API_BASE, settings
from ..exceptions import (
    PaymentDeclinedError,
    StripeAuthenticationError,
    StripeError,
    StripeObjectMissingError,
    StripeRateLimitError,
    StripeUnavailableError,
)

_REASONS = (re.compile(r"\[Errno -?[0-9]+\] ([^'\"()<>]+)"), re.compile(r"Network error: (\w+)"))
"""What the operating system says, else the HTTP library, within the SDK's long text."""

_SECRET = re.compile(r"\b(?:(?:sk|rk|pk)_(?:test|live)|whsec|ek)_[A-Za-z0-9_*]+")


def without_secrets(text: str) -> str:
    """The text with API keys and signing secrets, even masked ones, taken out."""
    return _SECRET.sub("[secret]", text)


def translated(error: stripe.StripeError) -> StripeError:
    """Our exception for one of stripe-python's.

    To be raised outside the `except` block: the original holds Stripe's headers and its unshortened
    text, and as the context of ours it would be printed with every traceback.
    """
    inner = getattr(error, "error", None)
    code = str(getattr(error, "code", None) or getattr(inner, "code", None) or "")
    if isinstance(error, stripe.IdempotencyError):
        code = "idempotency_error"
    status = error.http_status or 0
    if status == 429:
        return StripeRateLimitError(
            _message(error, status=status),
            code=code,
            status=status,
            request_id=error.request_id or "",
            reason=str((error.headers or {}).get("Stripe-Rate-Limited-Reason") or ""),
        )
    if isinstance(error, stripe.CardError):
        return PaymentDeclinedError(
            _message(error, status=status),
            code=code,
            param=str(getattr(error, "param", None) or ""),
            status=status,
            request_id=error.request_id or "",
            decline_code=str(getattr(inner, "decline_code", None) or ""),
        )
    return _kind(error, code=code, status=status)(
        _message(error, status=status),
        code=code,
        param=str(getattr(error, "param", None) or ""),
        status=status,
        request_id=error.request_id or "",
    )


def _message(error: stripe.StripeError, *, status: int) -> str:
    """Stripe's own words; for a connection that failed, where it was to lead and why it did not."""
    if isinstance(error, stripe.APIError) and not getattr(error, "error", None):
        # The SDK's own message would hold the whole body, and whatever that holds.
        return f"Stripe's answer (HTTP {status}) can't be read; a proxy may have made it."
    text = without_secrets(str(error.user_message or error))
    reasons = [found[1].strip() for pattern in _REASONS if (found := pattern.search(text))]
    if not isinstance(error, stripe.APIConnectionError) or not reasons:
        return text
    ours = settings.api_base == STRIPE_API_BASE
    hint = "" if ours else " If that is the sandbox, start it: manage.py stripe_sandbox."
    return f"No answer from {settings.api_base}: {reasons[0]}.{hint}"


def _kind(error: stripe.StripeError, *, code: str, status: int) -> type[StripeError]:
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        return StripeAuthenticationError
    if status == 404 or code == "resource_missing":
        return StripeObjectMissingError
    if isinstance(error, (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)):
        return StripeUnavailableError
    return StripeError
