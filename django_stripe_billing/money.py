"""Money for people to read: Stripe's minor units, written by Babel."""

from __future__ import annotations

from copy import copy
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency
from django.utils.translation import get_language, to_locale

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
"""Currencies that Stripe counts in whole units. ISK and UGX are not among them: Stripe counts these
in hundredths, although neither has any. https://docs.stripe.com/currencies#zero-decimal"""

THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())

WHOLE = frozenset(["isk", "ugx"])
"""Counted in hundredths at Stripe, and charged in whole units.
https://docs.stripe.com/currencies#special-cases"""


def minor_units(currency: str) -> int:
    """How many decimals of the currency Stripe's amounts hold."""
    code = currency.lower()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def in_units(amount: int, currency: str) -> Decimal:
    """An amount in minor units as a decimal number of the currency."""
    return Decimal(amount).scaleb(-minor_units(currency))


def formatted(amount: int, currency: str) -> str:
    """An amount in minor units as text, in the active language.

    With as many decimals as Stripe counts, and not as many as are usual with the currency: nothing
    that is charged is rounded away.
    """
    locale = _locale()
    pattern = copy(locale.currency_formats["standard"])
    decimals = _shown_decimals(amount, currency.lower())
    pattern.frac_prec = (decimals, decimals)
    return str(
        format_currency(
            in_units(amount, currency),
            currency.upper(),
            format=pattern,
            locale=locale,
            currency_digits=False,
        )
    )


def _shown_decimals(amount: int, currency: str) -> int:
    decimals = minor_units(currency)
    return 0 if currency in WHOLE and amount % 10**decimals == 0 else decimals


def _locale() -> Locale:
    try:
        return Locale.parse(to_locale(get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        return Locale("en", "US")
