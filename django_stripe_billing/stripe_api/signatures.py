"""Was this body signed by Stripe, for us, just now?"""

from __future__ import annotations

import re
import time
from typing import Any

import stripe

from ..conf import settings
from ..exceptions import SignatureError
from ..rules.events import names_account
from ..rules.json_values import read_json

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")

MOST_SIGNATURES = 32
"""Stripe sends one for each secret of the endpoint that is still valid."""


def verify(payload: bytes, header: str) -> dict[str, Any]:
    """The JSON object in a webhook's raw body, if one of the configured secrets signed it.

    `header` is `Stripe-Signature`. Raises SignatureError, which Django answers with 400: for a
    missing or malformed header, a signature of none of the secrets, a timestamp further from now
    than the tolerance in either direction, a body that is no JSON object, and an event that is not
    whose its secret says: one of CONNECT_WEBHOOK_SECRETS vouches for connected accounts only, one
    of WEBHOOK_SECRETS for the platform only.
    https://docs.stripe.com/webhooks#verify-manually
    """
    timestamp, signatures = _parts(header)
    # Rebuilt from what was read, so that stripe-python verifies the timestamp that we judge.
    read = ",".join([f"t={timestamp}", *(f"v1={signature}" for signature in signatures)])
    is_platforms = _is_signed_by_one(payload, read, settings.webhook_secrets)
    is_connected = _is_signed_by_one(payload, read, settings.connect_webhook_secrets)
    if not is_platforms and not is_connected:
        raise SignatureError("No configured webhook secret made this signature.")
    if abs(time.time() - timestamp) > settings.WEBHOOK_TOLERANCE:
        raise SignatureError("The signature's timestamp is outside the tolerance.")
    try:
        data = read_json(payload)
    except ValueError:
        raise SignatureError("The body is not JSON.") from None
    if not isinstance(data, dict):
        raise SignatureError("The body is not a JSON object.")
    if names_account(data) and not is_connected:
        raise SignatureError(
            "The event is a connected account's, and no secret of CONNECT_WEBHOOK_SECRETS made this"
            " signature."
        )
    if not names_account(data) and not is_platforms:
        raise SignatureError(
            "The event is the platform's, and no secret of WEBHOOK_SECRETS made this signature."
        )
    return data


def _parts(header: str) -> tuple[int, list[str]]:
    """The one timestamp and the v1 signatures of a header; other schemes are left out."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    timestamps = [value for name, _, value in pairs if name == "t"]
    if len(timestamps) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
        raise SignatureError("The Stripe-Signature header is missing or has no single timestamp.")
    signatures = [value for name, _, value in pairs if name == "v1" and _SIGNATURE.fullmatch(value)]
    if not 0 < len(signatures) <= MOST_SIGNATURES:
        raise SignatureError("The Stripe-Signature header has no v1 signature.")
    return int(timestamps[0]), signatures


def _is_signed_by_one(payload: bytes, header: str, secrets: list[str]) -> bool:
    return any(_is_signed(payload, header, secret) for secret in secrets)


def _is_signed(payload: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(payload, header, secret, None)
    except (stripe.SignatureVerificationError, ValueError):
        return False
    return True
