"""What a Checkout Session says of its page, as it was asked for; the sandbox's page asks less.

https://docs.stripe.com/api/checkout/sessions/create
"""

from __future__ import annotations

from typing import Any

from ..errors import SandboxError
from ..state import StripeObject

MOST_FIELDS = 3
TEXTS = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
LENGTHS = ("default_value", "maximum_length", "minimum_length")


def shown(params: dict[str, Any]) -> StripeObject:
    """The session's fields about its page. Raises SandboxError."""
    texts = params.get("custom_text") or {}
    phone = params.get("phone_number_collection") or {}
    return {
        "after_expiration": _recovery(params.get("after_expiration")),
        "consent_collection": _consent(params.get("consent_collection")),
        "custom_fields": _fields(params.get("custom_fields") or []),
        "custom_text": {name: texts.get(name) or None for name in TEXTS},
        "phone_number_collection": {"enabled": bool(phone.get("enabled"))},
        "shipping_address_collection": params.get("shipping_address_collection") or None,
    }


def _recovery(given: dict[str, Any] | None) -> StripeObject | None:
    recovery = (given or {}).get("recovery")
    if not recovery:
        return None
    allows = bool(recovery.get("allow_promotion_codes"))
    return {
        "recovery": {
            "allow_promotion_codes": allows,
            "enabled": recovery["enabled"],
            "expires_at": None,
            "url": None,
        }
    }


def _consent(given: dict[str, Any] | None) -> StripeObject | None:
    if not given:
        return None
    names = ("payment_method_reuse_agreement", "promotions", "terms_of_service")
    return {name: given.get(name) for name in names}


def _fields(given: list[dict[str, Any]]) -> list[StripeObject]:
    if len(given) > MOST_FIELDS:
        raise SandboxError(f"There are at most {MOST_FIELDS} custom fields.", param="custom_fields")
    return [_field(entry, at=f"custom_fields[{index}]") for index, entry in enumerate(given)]


def _field(entry: dict[str, Any], *, at: str) -> StripeObject:
    kind = entry["type"]
    details = entry.get(kind) or {}
    if kind == "dropdown" and not details.get("options"):
        raise SandboxError(
            f"Missing required param: {at}[dropdown][options].",
            code="parameter_missing",
            param=f"{at}[dropdown][options]",
        )
    names = ("default_value", "options") if kind == "dropdown" else LENGTHS
    return {
        "key": entry["key"],
        "label": {"custom": entry["label"]["custom"], "type": "custom"},
        "optional": entry.get("optional", False),
        "type": kind,
        kind: {**{name: details.get(name) for name in names}, "value": None},
    }
