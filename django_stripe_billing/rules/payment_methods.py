"""Payment methods: what may be shown of one. https://docs.stripe.com/api/payment_methods/object"""

from __future__ import annotations

from dataclasses import dataclass

from .json_values import JSONObject, customer_of, identifier, integer, mapping, text


@dataclass(frozen=True, kw_only=True)
class PaymentMethodSnapshot:
    """A payment method, as far as its owner is shown it."""

    id: str
    customer_id: str
    """'' once it is detached."""
    type: str
    """`card`, `sepa_debit`, …"""
    brand: str
    """Of a card `visa`, …; of a bank account the bank's name; '' where there is none."""
    last4: str
    exp_month: int | None
    exp_year: int | None


def parse_payment_method(data: object) -> PaymentMethodSnapshot | None:
    """Read a payment method; None without an id."""
    source = mapping(data)
    method_id = identifier(source.get("id"))
    if not method_id:
        return None
    kind = text(source.get("type"), longest=32)
    details = mapping(source.get(kind))
    brand = next((found for name in _BRANDS if (found := text(details.get(name), longest=64))), "")
    return PaymentMethodSnapshot(
        id=method_id,
        customer_id=customer_of(source),
        type=kind,
        brand=brand,
        last4=text(details.get("last4"), longest=4),
        exp_month=_within(details, "exp_month", 1, 12),
        exp_year=_within(details, "exp_year", 1, 9999),
    )


_BRANDS = ("display_brand", "brand", "bank_name", "bank")


def _within(details: JSONObject, name: str, lowest: int, highest: int) -> int | None:
    number = integer(details.get(name))
    return number if number is not None and lowest <= number <= highest else None
