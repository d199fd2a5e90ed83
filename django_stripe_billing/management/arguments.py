"""What options of commands take: each function reads a text or says what is wrong with it."""

from __future__ import annotations

import re
import time
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_date, parse_datetime

from ..reconcile import ChangeLimit
from ..rules.drift_kinds import Kind

_AGO = re.compile(r"([0-9]{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        known = ", ".join(kind.value for kind in Kind)
        raise ArgumentTypeError(f"{text!r} is no kind of drift. Kinds: {known}") from None


def limit(text: str) -> ChangeLimit:
    try:
        return ChangeLimit.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def sample(text: str) -> int:
    if text == "all":
        return -1
    return _whole(text, lowest=1)


def _whole(text: str, *, lowest: int, highest: int = 1_000_000_000) -> int:
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise ArgumentTypeError(f"{text!r} is no whole number from {lowest:,} to {highest:,}.")
    return int(text)


def workers(text: str) -> int:
    return _whole(text, lowest=1, highest=64)


def rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 100_000:
        raise ArgumentTypeError(f"{text!r} is no number of calls a second.")
    return rate


def minutes(text: str) -> int:
    return _whole(text, lowest=1, highest=100_000)


def moment(text: str) -> int:
    """Unix seconds of a date, a moment, or a time ago."""
    ago = _AGO.fullmatch(text)
    if ago:
        return int(time.time() - timedelta(**{_UNITS[ago[2]]: int(ago[1])}).total_seconds())
    try:
        moment = parse_datetime(text)
        day = parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)
    if moment is None:
        raise ArgumentTypeError(f"{text!r} is no date: write 2026-11-24, or 30d for 30 days ago.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
