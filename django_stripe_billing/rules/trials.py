"""What tells a trial from a second one: the address and the card that it is taken with."""

from __future__ import annotations

from .json_values import JSONObject, mapping, text


def normalised_email(email: str) -> str:
    """An address as it is compared; '' for none."""
    return email.strip().lower()


def fingerprint_of(payment_method: JSONObject) -> str:
    """What tells a card, or a bank account, from others across customers; '' without one.

    https://docs.stripe.com/api/payment_methods/object#payment_method_object-card-fingerprint
    """
    kind = text(payment_method.get("type"), longest=64)
    return text(mapping(payment_method.get(kind)).get("fingerprint"))
