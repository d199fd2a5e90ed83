"""Amounts as text: in every currency that Stripe takes, nothing is rounded away."""

import re
from decimal import Decimal

import pytest
from babel.numbers import parse_decimal
from django.utils import translation

from django_stripe_billing.money import THREE_DECIMAL, ZERO_DECIMAL, formatted, in_units

TWO_DECIMAL = frozenset(
    """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf
    chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl hrk htg
    huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr
    mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek
    sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd xcg yer zar
    zmw
    """.split()
)
"""https://docs.stripe.com/currencies#presentment-currencies"""

CURRENCIES = sorted(ZERO_DECIMAL | TWO_DECIMAL | THREE_DECIMAL)


def read(text, language):
    """The number that a person reads."""
    number = parse_decimal(re.search(r"\d[\d.,]*", text)[0], locale=language)
    return -number if "-" in text else number


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("currency", CURRENCIES)
def test_what_is_read_is_what_is_charged(currency, language):
    with translation.override(language):
        for amount in (0, 7, 1990, 1999, 123_456_789, -1999):
            assert read(formatted(amount, currency), language) == in_units(amount, currency)


def test_the_units_are_those_of_stripe():
    found = {currency: in_units(1000, currency) for currency in CURRENCIES}
    assert {found[currency] for currency in ZERO_DECIMAL} == {Decimal(1000)}
    assert {found[currency] for currency in TWO_DECIMAL} == {Decimal(10)}
    assert {found[currency] for currency in THREE_DECIMAL} == {Decimal(1)}


@pytest.mark.parametrize(
    ("amount", "currency", "language", "expected"),
    [
        (1999, "rsd", "en", "RSD19.99"),
        (1999, "lbp", "en", "LBP19.99"),
        (2000, "rsd", "en", "RSD20.00"),
        (1999, "huf", "en", "HUF19.99"),
        (1999, "twd", "en", "NT$19.99"),
        (500, "isk", "en", "ISK5"),
        (500, "ugx", "en", "UGX5"),
        (550, "isk", "en", "ISK5.50"),
        (1990, "kwd", "de", "1,990\xa0KWD"),
        (1999, "jpy", "de", "1.999\xa0¥"),
        (-1999, "usd", "en", "-$19.99"),
        (1999, "xyz", "en", "XYZ19.99"),
    ],
)
def test_amounts_as_they_are_written(amount, currency, language, expected):
    with translation.override(language):
        assert formatted(amount, currency) == expected
