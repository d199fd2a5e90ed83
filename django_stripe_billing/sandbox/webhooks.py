"""Signing webhooks as Stripe does. https://docs.stripe.com/webhooks#verify-manually"""

from __future__ import annotations

import hashlib
import hmac
import json

from .state import StripeObject


def encode(event: StripeObject) -> bytes:
    """The body that is posted."""
    return json.dumps(event, indent=2).encode()


def sign(body: bytes, *, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header of a body; `timestamp` in Unix seconds."""
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"
