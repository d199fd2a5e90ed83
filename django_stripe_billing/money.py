"""Money for people to read: Stripe's minor units, written by Babel."""

from __future__ import annotations

from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency
from django.utils.translation import get_language, to_locale

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
"""Currencies that Stripe counts in whole units. ISK and UGX are not among them: Stripe counts these
in hundredths, although neither has any. https://docs.stripe.com/currencies#zero-decimal"""

THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())


def minor_units(currency: str) -> int:
    """How many decimals of the currency Stripe's amounts hold."""
    code = currency.lower()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def in_units(amount: int, currency: str) -> Decimal:
    """An amount in minor units as a decimal number of the currency."""
    return Decimal(amount).scaleb(-minor_units(currency))


def formatted(amount: int, currency: str) -> str:
    """An amount in minor units as text, in the active language."""
    text = format_currency(in_units(amount, currency), currency.upper(), locale=_locale())
    return str(text)


def _locale() -> Locale:
    try:
        return Locale.parse(to_locale(get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        return Locale("en", "US")
