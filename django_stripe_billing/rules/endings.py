"""When a change of what is granted means that access will end, and people should hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDING_REASONS = frozenset({"past_due_grace", "cancel_at", "period_end"})
"""Reasons of an end that no renewal is expected to move."""

SAME_END_SECONDS = 86_400
"""An end that moves by less, for the same reason, is no news: the grace is first counted from the
period's begin, and then from the invoice's."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Access ends at a moment, unless something is done."""

    ends_at: int
    """Unix seconds."""
    reason: str
    """One of ENDING_REASONS."""


def ending_of(
    *, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Ending | None:
    """The end that a changed term announces; None when it announces nothing new.

    Both as `EntitlementChange` keeps them: `ends_at` in Unix seconds and `reason`.
    """
    if after is None or after["reason"] not in ENDING_REASONS or after["ends_at"] is None:
        return None
    if (
        before is not None
        and before["reason"] == after["reason"]
        and before["ends_at"] is not None
        and abs(before["ends_at"] - after["ends_at"]) < SAME_END_SECONDS
    ):
        return None
    return Ending(ends_at=after["ends_at"], reason=after["reason"])
