"""The difference between the entitlements that are stored and those that are wanted."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .entitlements import Term


class ChangeKind(enum.StrEnum):
    GRANTED = "granted"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One feature's step from what was held to what is wanted."""

    kind: ChangeKind
    feature_id: str
    before: Term | None
    after: Term | None


def changes(*, current: Mapping[str, Term], wanted: Mapping[str, Term]) -> list[Change]:
    """The steps that make `current` equal to `wanted`, in the order of the feature ids."""
    steps = []
    for feature_id in sorted(current.keys() | wanted.keys()):
        before, after = current.get(feature_id), wanted.get(feature_id)
        if before == after:
            continue
        kind = (
            ChangeKind.GRANTED
            if before is None
            else ChangeKind.REVOKED
            if after is None
            else ChangeKind.CHANGED
        )
        steps.append(Change(kind=kind, feature_id=feature_id, before=before, after=after))
    return steps


def takes_access_away(*, held: Mapping[str, Term], wanted: Mapping[str, Term]) -> bool:
    """Whether somebody loses something when `held` becomes `wanted`: a feature, time, or units."""
    return any(
        key not in wanted
        or _is_less(wanted[key].ends_at, term.ends_at)
        or _is_less(wanted[key].limit, term.limit)
        for key, term in held.items()
    )


def _is_less(new: int | None, old: int | None) -> bool:
    """None is without end, or without limit."""
    return new is not None and (old is None or new < old)


def is_loss(*, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Whether a recorded change took something away; both as `EntitlementChange` keeps them."""
    if before is None or after is None:
        return before is not None
    return takes_access_away(held={"": Term(**before)}, wanted={"": Term(**after)})
