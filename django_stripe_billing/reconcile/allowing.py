"""Which repairs count against the limit of changes."""

from __future__ import annotations

from .options import ChangeLimit


def changes_of(limit: ChangeLimit, *, takes_away: bool, is_stored: bool) -> int:
    """How many changes a repair counts as, as for subscriptions: by default those that take access
    away, by a share all but what is new here, and by a number all."""
    if limit.counts_losses:
        return int(takes_away)
    return int(is_stored or not limit.is_share)
