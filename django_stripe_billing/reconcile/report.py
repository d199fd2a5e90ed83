"""What a run has found."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Drift:
    """One difference between the database and Stripe."""

    kind: str
    """A code of `rules.drift.Kind`."""
    subscription: str
    """Stripe's id."""
    customer: str
    """Stripe's id."""
    subscriber: str
    """As the database names them; '' for a customer that nobody is linked to."""
    here: str
    stripe: str
    repaired: bool = False
    error: str = ""
    """Why it could not be repaired."""


@dataclass(kw_only=True)
class Report:
    """A run's outcome."""

    run: str
    """Its id, which is also the cause of the changes that it makes."""
    applied: bool
    subscriptions: int = 0
    """How many Stripe listed."""
    calls: int = 0
    """How many calls to Stripe it took."""
    drift: list[Drift] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    """Things of Stripe's that this version does not know, by kind: they grant nothing."""
    errors: list[str] = field(default_factory=list)
    is_complete: bool = False
    """Everything was listed and compared."""

    @property
    def unrepaired(self) -> list[Drift]:
        return [entry for entry in self.drift if not entry.repaired]

    @property
    def exit_code(self) -> int:
        """0 clean or repaired, 1 drift found and not repaired, 2 error or incomplete."""
        if not self.is_complete or self.errors:
            return 2
        return 1 if self.unrepaired else 0

    @property
    def summary(self) -> str:
        """The last line: `0 drift, 10,000 subscriptions, 102 calls`."""
        return (
            f"{len(self.drift):,} drift,"
            f" {self.subscriptions:,} subscription{'' if self.subscriptions == 1 else 's'},"
            f" {self.calls:,} call{'' if self.calls == 1 else 's'}"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain data with stable keys."""
        return {
            "run": self.run,
            "applied": self.applied,
            "complete": self.is_complete,
            "subscriptions": self.subscriptions,
            "calls": self.calls,
            "drift": [asdict(entry) for entry in self.drift],
            "notes": dict(sorted(self.notes.items())),
            "errors": self.errors,
            "exit_code": self.exit_code,
        }
