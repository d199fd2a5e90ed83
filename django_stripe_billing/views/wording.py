"""What is stored, in words for customers. Lazy texts, so that each reader has their language."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..models import Price, ProductFeature
from ..money import formatted

Text = str | Promise

SINGLE = {
    "day": gettext_lazy("per day"),
    "week": gettext_lazy("per week"),
    "month": gettext_lazy("per month"),
    "year": gettext_lazy("per year"),
}

CHOICES = {
    "day": gettext_lazy("Daily"),
    "week": gettext_lazy("Weekly"),
    "month": gettext_lazy("Monthly"),
    "year": gettext_lazy("Yearly"),
}


def period(interval: str, count: int) -> str:
    """`per month`, `every 3 months`; '' for what is paid once."""
    if count == 1 and interval in SINGLE:
        return str(SINGLE[interval])
    number = {"number": count}
    if interval == "day":
        return ngettext("every %(number)d day", "every %(number)d days", count) % number
    if interval == "week":
        return ngettext("every %(number)d week", "every %(number)d weeks", count) % number
    if interval == "month":
        return ngettext("every %(number)d month", "every %(number)d months", count) % number
    if interval == "year":
        return ngettext("every %(number)d year", "every %(number)d years", count) % number
    return ""


def period_choice(interval: str, count: int) -> str:
    """`Monthly`, `Every 3 months`: what the switch of the pricing page says."""
    if count == 1 and interval in CHOICES:
        return str(CHOICES[interval])
    return capfirst(period(interval, count))


def amount(price: Price, quantity: int = 1) -> str:
    """What so many units of a price cost each time; a price in tiers has no such sum."""
    if price.unit_amount is None:
        return _("By quantity")
    if price.unit_amount == 0:
        return _("Free")
    return formatted(price.unit_amount * quantity, price.currency)


def feature(link: ProductFeature) -> str:
    """`Seats: 5 per unit`, `Reports`: a line of what a product includes."""
    name = link.feature.name or link.feature.lookup_key.replace("_", " ")
    if link.limit is None:
        return name
    terms = {"feature": name, "limit": link.limit}
    if link.is_limit_per_unit:
        return _("%(feature)s: %(limit)s per unit") % terms
    return _("%(feature)s: %(limit)s") % terms


@dataclass(frozen=True, kw_only=True)
class StatusWords:
    """A subscription's status for its owner."""

    label: Text
    sentence: Text
    tone: str
    """`good`, `notice`, `bad` or `quiet`: how it looks."""


STATUSES = {
    "trialing": StatusWords(
        label=gettext_lazy("Trial"),
        sentence=gettext_lazy("You are trying it out. Nothing has been charged yet."),
        tone="good",
    ),
    "active": StatusWords(
        label=gettext_lazy("Active"), sentence=gettext_lazy("All is paid."), tone="good"
    ),
    "past_due": StatusWords(
        label=gettext_lazy("Payment missing"),
        sentence=gettext_lazy("The last payment did not go through. Pay it to keep your access."),
        tone="bad",
    ),
    "unpaid": StatusWords(
        label=gettext_lazy("Unpaid"),
        sentence=gettext_lazy("Access has ended. It is back as soon as the open invoice is paid."),
        tone="bad",
    ),
    "incomplete": StatusWords(
        label=gettext_lazy("First payment missing"),
        sentence=gettext_lazy("It begins as soon as the first payment has arrived."),
        tone="notice",
    ),
    "paused": StatusWords(
        label=gettext_lazy("Paused"),
        sentence=gettext_lazy("No access and no charges until you resume it."),
        tone="notice",
    ),
    "canceled": StatusWords(
        label=gettext_lazy("Ended"), sentence=gettext_lazy("It has ended."), tone="quiet"
    ),
    "incomplete_expired": StatusWords(
        label=gettext_lazy("Never begun"),
        sentence=gettext_lazy("The first payment never arrived, so it did not begin."),
        tone="quiet",
    ),
}

ENDING = StatusWords(
    label=gettext_lazy("Ends soon"),
    sentence=gettext_lazy("You have cancelled it. Until it ends, everything works."),
    tone="notice",
)
REFUSED = StatusWords(
    label=gettext_lazy("Trial refused"),
    sentence=gettext_lazy(
        "This card or e-mail address has had a trial before. Access begins with the first payment."
    ),
    tone="notice",
)
UNKNOWN = StatusWords(
    label=gettext_lazy("Being checked"),
    sentence=gettext_lazy("We are checking this with the payment provider."),
    tone="notice",
)
