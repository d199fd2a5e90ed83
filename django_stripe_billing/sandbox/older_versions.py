"""Requests of clients that speak an older API version, or name none, in the words of endive.

They are answered in endive, whatever they speak. https://docs.stripe.com/changelog
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

ENDIVE = "2026-09-30"
Given = dict[str, Any]

UI_MODES = {"hosted": "hosted_page", "embedded": "embedded_page", "custom": "elements"}


OLDER_WORDS = frozenset({"coupon", "iterations", "jp_bank_account", "payment_method_types"})
"""Parameters and values that endive no longer knows, and the command line tool still sends."""


class Tolerance(Enum):
    """What may stand in a request besides what endive knows."""

    NOTHING = auto()
    """It is written for endive."""
    OLDER_WORDS = auto()
    """It names no version."""
    ANY_NAME = auto()
    """It names an older version, and we do not know which parameters that had."""

    def passes_name(self, name: str) -> bool:
        """Whether a parameter is taken as it is."""
        return self is Tolerance.ANY_NAME or self.passes_value(name)

    def passes_value(self, value: object) -> bool:
        """Whether one of a set of values is."""
        is_word = isinstance(value, str) and value in OLDER_WORDS
        return is_word and self is not Tolerance.NOTHING


def tolerance(headers: Mapping[str, str]) -> Tolerance:
    """By a request's lowered headers."""
    version = headers.get("stripe-version")
    if version is None:
        return Tolerance.OLDER_WORDS
    return Tolerance.ANY_NAME if version[: len(ENDIVE)] < ENDIVE else Tolerance.NOTHING


def _promotion(given: Given) -> Given:
    """Before clover a promotion code named its coupon."""
    if "coupon" not in given:
        return given
    coupon = {"type": "coupon", "coupon": given["coupon"]}
    return {**_without(given, "coupon"), "promotion": coupon}


def _anchor(given: Given) -> Given:
    """Before endive the anchor of an update was a word."""
    if not isinstance(given.get("billing_cycle_anchor"), str):
        return given
    return {**given, "billing_cycle_anchor": {"type": given["billing_cycle_anchor"]}}


def _discounts(given: Given) -> Given:
    """Before basil a subscription had one coupon or promotion code."""
    for name in ("coupon", "promotion_code"):
        if name in given:
            found = [{name: given[name]}] if given[name] else ""
            return {**_without(given, name), "discounts": found}
    return given


def _ui_mode(given: Given) -> Given:
    """Before dahlia the pages had other names."""
    mode = given.get("ui_mode")
    return {**given, "ui_mode": UI_MODES[mode]} if mode in UI_MODES else given


def _change(given: Given) -> Given:
    return _discounts(_anchor(given))


def _preview(given: Given) -> Given:
    details = given.get("subscription_details")
    if not isinstance(details, dict):
        return given
    return {**given, "subscription_details": _anchor(details)}


def _unit_amount(given: Given) -> Given:
    """Before basil an invoice item had a price, or an amount for each unit."""
    if "unit_amount" in given:
        given = {**_without(given, "unit_amount"), "unit_amount_decimal": given["unit_amount"]}
    if "price" in given:
        given = {**_without(given, "price"), "pricing": {"price": given["price"]}}
    return given


def _without(given: Given, name: str) -> Given:
    return {key: value for key, value in given.items() if key != name}


_CHANGES: dict[str, Callable[[Given], Given]] = {
    "POST /v1/checkout/sessions": _ui_mode,
    "POST /v1/invoiceitems": _unit_amount,
    "POST /v1/invoices/create_preview": _preview,
    "POST /v1/promotion_codes": _promotion,
    "POST /v1/subscriptions": _discounts,
    "POST /v1/subscriptions/{id}": _change,
    "POST /v1/subscriptions/{id}/resume": _anchor,
}


def as_endive(operation: str, given: Given) -> Given:
    """A request's parameters as endive has them."""
    change = _CHANGES.get(operation)
    return given if change is None else change(given)
