"""How a payment method looks. https://docs.stripe.com/api/payment_methods/object"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cards import Card, Iban
from ..state import StripeObject
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine

ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def billing_details(given: dict[str, Any]) -> StripeObject:
    return {
        "address": {key: (given.get("address") or {}).get(key) for key in ADDRESS},
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": given.get("tax_id"),
    }


def build(engine: Engine, kind: str, details: StripeObject, params: dict[str, Any]) -> StripeObject:
    return {
        "id": engine.state.new_id("pm_", length=24),
        "object": "payment_method",
        "allow_redisplay": params.get("allow_redisplay", "unspecified"),
        "billing_details": billing_details(params.get("billing_details") or {}),
        kind: details,
        "created": engine.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": merged({}, params.get("metadata", {})),
        "type": kind,
    }


def card_details(card: Card, given: dict[str, Any]) -> StripeObject:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "fail" if card.decline == "incorrect_cvc" else "pass",
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": int(given.get("exp_month", 12)),
        "exp_year": int(given.get("exp_year", 2034)),
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def sepa_details(iban: Iban) -> StripeObject:
    return {
        "bank_code": iban.number[4:9],
        "branch_code": "",
        "country": iban.number[:2],
        "fingerprint": iban.fingerprint,
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban.number[-4:],
    }
