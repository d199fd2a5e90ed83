"""Settings that are plain values."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings as django_settings
from django.core.checks import CheckMessage
from django.utils.functional import Promise

from ..conf import DEFAULTS, settings
from ..rules.payments import DISPUTE_POLICIES, REFUND_POLICIES
from ..rules.throttling import parse_rate
from .messages import doubtful_setting, given_settings, setting_name, shown, wrong_setting

LONGEST = timedelta(days=366)

BOUNDS: dict[str, tuple[str, type, int, int, str]] = {
    "WEBHOOK_TOLERANCE": ("E006", int, 1, 3600, "seconds"),
    "WEBHOOK_MAX_BYTES": ("E006", int, 1_000, 100_000_000, "bytes"),
    "MAX_NETWORK_RETRIES": ("E009", int, 0, 10, "retries"),
    "TIMEOUT": ("E009", float, 1, 600, "seconds"),
}
"""By setting: the check's id, whole numbers or any, the least, the most, the unit."""


def check_unknown_keys() -> Iterator[CheckMessage]:
    for key in given_settings():
        if key in DEFAULTS:
            continue
        near = difflib.get_close_matches(str(key).upper(), DEFAULTS, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        text = f"STRIPE_BILLING has an unknown key{shown(str(key))}.{meant}"
        yield wrong_setting("E004", text, "Remove or rename it; docs/settings.md lists the keys.")


def check_flags() -> Iterator[CheckMessage]:
    for key in ("AUTOMATIC_TAX", "TAX_ID_COLLECTION", "ALLOW_PROMOTION_CODES"):
        if not isinstance(getattr(settings, key), bool):
            yield wrong_setting(
                "E016", f"{setting_name(key)} is neither True nor False.", "Write True or False."
            )


def check_numbers() -> Iterator[CheckMessage]:
    for key, (code, kind, lowest, highest, unit) in BOUNDS.items():
        value = getattr(settings, key)
        is_number = isinstance(value, int | kind) and not isinstance(value, bool)
        if not is_number or not lowest <= value <= highest:
            whole = "a whole number" if kind is int else "a number"
            text = f"{setting_name(key)} is not {whole} from {lowest} to {highest} {unit}."
            yield wrong_setting(code, text, f"The default is {DEFAULTS[key]}.")
    largest, wanted = django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.WEBHOOK_MAX_BYTES
    if largest is not None and isinstance(wanted, int) and largest < wanted:
        text = "DATA_UPLOAD_MAX_MEMORY_SIZE refuses webhooks that WEBHOOK_MAX_BYTES would take."
        yield doubtful_setting("W005", text, "Raise the one or lower the other.")


def check_durations() -> Iterator[CheckMessage]:
    for key in ("LEEWAY", "GRACE"):
        value = getattr(settings, key)
        if not isinstance(value, timedelta) or not timedelta(0) <= value <= LONGEST:
            text = f"{setting_name(key)} is no timedelta from zero to {LONGEST.days} days."
            yield wrong_setting("E007", text, f"Write timedelta(days={DEFAULTS[key].days}).")


def check_policies() -> Iterator[CheckMessage]:
    for key, known in (("REFUNDS", REFUND_POLICIES), ("DISPUTES", DISPUTE_POLICIES)):
        value = getattr(settings, key)
        if not isinstance(value, str) or value not in known:
            choices = "; ".join(f'"{name}": {meaning}' for name, meaning in known.items())
            yield wrong_setting(
                "E014", f"{setting_name(key)} is none of the policies.", f"Write {choices}."
            )


def check_throttle() -> Iterator[CheckMessage]:
    rate = settings.THROTTLE
    if rate is not None and not (isinstance(rate, str) and parse_rate(rate)):
        hint = 'Write "60/min", or None for no limit; the periods are s, min, hour and day.'
        yield wrong_setting("E020", f"{setting_name('THROTTLE')} is no rate.", hint)


def check_prices() -> Iterator[CheckMessage]:
    prices = settings.PRICES
    is_list = isinstance(prices, list | tuple | set) and all(
        isinstance(entry, str) and entry.strip() for entry in prices
    )
    if prices is not None and not is_list:
        text = f"{setting_name('PRICES')} is no list of lookup keys or price ids."
        hint = 'Write ["pro_monthly", …], or None to sell every active price with a lookup key.'
        yield wrong_setting("E008", text, hint)


def check_pages() -> Iterator[CheckMessage]:
    for key in ("PRICING_URL", "PORTAL_RETURN_URL"):
        value = getattr(settings, key)
        is_url = isinstance(value, str) and value.startswith(("/", "http://", "https://"))
        if not is_url and not isinstance(value, Promise):
            text = f"{setting_name(key)} is no URL."
            yield wrong_setting(
                "E013", text, 'Write a path such as "/pricing/", a URL, or reverse_lazy.'
            )
