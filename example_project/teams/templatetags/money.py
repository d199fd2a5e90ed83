"""Amounts for people; the currencies' decimals and signs come from Babel's tables."""

from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision
from django import template

from django_stripe_billing.models import Price

register = template.Library()


@register.filter
def amount(price: Price) -> str:
    """A price's amount, `$29.00`."""
    if price.unit_amount is None:
        return "as used"
    currency = price.currency.upper()
    exponent = get_currency_precision(currency)
    value = Decimal(price.unit_amount).scaleb(-exponent)
    return str(format_currency(value, currency, locale="en_US"))
