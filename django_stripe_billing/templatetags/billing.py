"""`{% load billing %}`: amounts of money in templates."""

from __future__ import annotations

from django import template

from ..money import formatted

register = template.Library()


@register.filter
def money(amount: object, currency: object) -> str:
    """`{{ invoice.total|money:invoice.currency }}`: minor units as text, in the active language.

    '' where either is missing.
    """
    if not isinstance(amount, int) or not isinstance(currency, str) or not currency:
        return ""
    return formatted(amount, currency)
