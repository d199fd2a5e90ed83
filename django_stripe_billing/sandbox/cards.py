"""Stripe's test cards and test IBANs: what each of them does. https://docs.stripe.com/testing"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ALWAYS = "always"
UNLESS_SET_UP = "unless set up"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A test card."""

    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: str = ""
    """The decline code with which a charge fails; empty: it succeeds."""
    attaches: bool = True
    """Whether it can be saved to a customer."""
    authentication: str = ""
    """When 3D Secure is asked for: ALWAYS, UNLESS_SET_UP, or never."""
    dispute: str = ""
    """The reason for which a charge is disputed at once."""
    is_inquiry: bool = False
    refund: str = "succeeded"
    """How a refund begins and ends: `succeeded`, `pending` (then succeeded), `failed` (later)."""

    @property
    def fingerprint(self) -> str:
        """The same for the same number."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Iban:
    """A test account for SEPA debits, which are decided later."""

    number: str
    succeeds: bool = True
    seconds: int = 2
    """How long it takes until the payment is decided."""
    dispute: str = ""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


DECLINES = {
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "lost_card": ("card_declined", "Your card was declined."),
    "stolen_card": ("card_declined", "Your card was declined."),
    "fraudulent": ("card_declined", "Your card was declined."),
    "card_velocity_exceeded": (
        "card_declined",
        "Your card was declined for making repeated attempts too frequently or exceeding its"
        " amount limit.",
    ),
    "expired_card": ("expired_card", "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}
"""Error code and message by decline code."""

HARD_DECLINES = {"lost_card", "stolen_card", "authentication_required"}
"""After these the same card is not tried again.
https://docs.stripe.com/billing/revenue-recovery/smart-retries"""


def _declined(number: str, decline: str) -> Card:
    return Card(number=number, decline=decline, attaches=False)


_COUNTRIES = {
    "at": "4000000400000008",
    "au": "4000000360000006",
    "be": "4000000560000004",
    "br": "4000000760000002",
    "ca": "4000001240000000",
    "ch": "4000007560000009",
    "de": "4000002760000016",
    "dk": "4000002080000001",
    "es": "4000007240000007",
    "fi": "4000002460000001",
    "fr": "4000002500000003",
    "gb": "4000008260000000",
    "ie": "4000003720000005",
    "in": "4000003560000008",
    "it": "4000003800000008",
    "jp": "4000003920000003",
    "mx": "4000004840008001",
    "nl": "4000005280000002",
    "no": "4000005780000007",
    "nz": "4000005540000008",
    "pl": "4000006160000005",
    "pt": "4000006200000007",
    "se": "4000007520000008",
    "sg": "4000007020000003",
}
"""Cards that pay, by the country of their bank."""

_DECLINED = {
    "chargeDeclined": _declined("4000000000000002", "generic_decline"),
    "chargeDeclinedInsufficientFunds": _declined("4000000000009995", "insufficient_funds"),
    "chargeDeclinedLostCard": _declined("4000000000009987", "lost_card"),
    "chargeDeclinedStolenCard": _declined("4000000000009979", "stolen_card"),
    "chargeDeclinedExpiredCard": _declined("4000000000000069", "expired_card"),
    "chargeDeclinedIncorrectCvc": _declined("4000000000000127", "incorrect_cvc"),
    "chargeDeclinedProcessingError": _declined("4000000000000119", "processing_error"),
    "chargeDeclinedFraudulent": _declined("4100000000000019", "fraudulent"),
    "chargeDeclinedVelocityLimitExceeded": _declined("4000000000006975", "card_velocity_exceeded"),
}

CARDS = {
    "visa": Card(number="4242424242424242"),
    "us": Card(number="4242424242424242"),
    **{
        country: Card(number=number, country=country.upper())
        for country, number in _COUNTRIES.items()
    },
    "visa_debit": Card(number="4000056655665556", funding="debit"),
    "mastercard": Card(number="5555555555554444", brand="mastercard"),
    "mastercard_debit": Card(number="5200828282828210", brand="mastercard", funding="debit"),
    "mastercard_prepaid": Card(number="5105105105105100", brand="mastercard", funding="prepaid"),
    "amex": Card(number="378282246310005", brand="amex"),
    "discover": Card(number="6011111111111117", brand="discover"),
    "diners": Card(number="3056930009020004", brand="diners"),
    "jcb": Card(number="3566002020360505", brand="jcb"),
    "unionpay": Card(number="6200000000000005", brand="unionpay"),
    "bypassPending": Card(number="4000000000000077"),
    "riskLevelElevated": Card(number="4000000000009235"),
    "chargeCustomerFail": Card(number="4000000000000341", decline="generic_decline"),
    "threeDSecure2Required": Card(number="4000000000003220", authentication=ALWAYS),
    "threeDSecureRequired": Card(number="4000000000003063", authentication=ALWAYS),
    "threeDSecureRequiredChargeDeclined": Card(
        number="4000008400001629", authentication=ALWAYS, decline="generic_decline"
    ),
    "threeDSecureOptional": Card(number="4000000000003055"),
    "authenticationRequired": Card(number="4000002760003184", authentication=ALWAYS),
    "authenticationRequiredOnSetup": Card(number="4000002500003155", authentication=UNLESS_SET_UP),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        number="4000008260003178", authentication=ALWAYS, decline="insufficient_funds"
    ),
    "createDispute": Card(number="4000000000000259", dispute="fraudulent"),
    "createDisputeProductNotReceived": Card(
        number="4000000000002685", dispute="product_not_received"
    ),
    "createDisputeInquiry": Card(number="4000000000001976", dispute="general", is_inquiry=True),
    "pendingRefund": Card(number="4000000000007726", refund="pending"),
    "refundFail": Card(number="4000000000005126", refund="failed"),
    "radarBlock": _DECLINED["chargeDeclinedFraudulent"],
    **_DECLINED,
    **{f"visa_{name}": card for name, card in _DECLINED.items()},
}
"""By the name in `pm_card_…` and `tok_…`."""

NUMBERS = {card.number: name for name, card in reversed(CARDS.items())}

IBANS = {
    iban.number: iban
    for iban in (
        Iban(number="AT611904300234573201"),
        Iban(number="AT321904300235473204", seconds=180),
        Iban(number="AT861904300235473202", succeeds=False),
        Iban(number="AT051904300235473205", succeeds=False, seconds=180),
        Iban(number="AT591904300235473203", dispute="fraudulent"),
        Iban(number="DE89370400440532013000"),
        Iban(number="DE62370400440532013001", succeeds=False),
        Iban(number="IT40S0542811101000000123456"),
        Iban(number="IT60X0542811101000000123456", succeeds=False),
    )
}
