"""Was this body signed by Stripe, for us, just now?"""

from __future__ import annotations

import json
import re
import time
from typing import Any

import stripe

from ..conf import settings
from ..exceptions import SignatureError

_TIMESTAMP = re.compile(r"(?:^|,)\s*t=([0-9]{1,12})(?:,|$)")


def verify(payload: bytes, header: str) -> dict[str, Any]:
    """The JSON object in a webhook's raw body, if one of the configured secrets signed it.

    `header` is `Stripe-Signature`. Raises SignatureError, which Django answers with 400: for a
    missing or malformed header, a signature of none of the secrets, a timestamp further from now
    than the tolerance in either direction, and a body that is no JSON object.
    https://docs.stripe.com/webhooks#verify-manually
    """
    if not header or not header.isascii():
        raise SignatureError("The Stripe-Signature header is missing or not ASCII.")
    stamps = _TIMESTAMP.findall(header)
    if len(stamps) != 1:
        raise SignatureError("The Stripe-Signature header has no single timestamp.")
    if not any(_is_signed(payload, header, secret) for secret in settings.webhook_secrets):
        raise SignatureError("No configured webhook secret made this signature.")
    if abs(time.time() - int(stamps[0])) > settings.WEBHOOK_TOLERANCE:
        raise SignatureError("The signature's timestamp is outside the tolerance.")
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        raise SignatureError("The body is not JSON.") from None
    if not isinstance(data, dict):
        raise SignatureError("The body is not a JSON object.")
    return data


def _is_signed(payload: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(payload, header, secret, None)
    except (stripe.SignatureVerificationError, ValueError, TypeError, AttributeError):
        return False
    return True
