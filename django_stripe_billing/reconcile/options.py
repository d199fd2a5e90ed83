"""What a run is asked to do."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from ..rules.drift_kinds import Kind

_LIMIT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(%?)")


@dataclass(frozen=True, kw_only=True)
class ChangeLimit:
    """How many subscriptions a run may change before it stops repairing."""

    number: float
    is_share: bool
    """`number` is percent of the live subscriptions that are stored when the run begins."""
    counts_losses: bool = False
    """Only changes that take access away count: those who paid are let in, however many."""
    least: int = 1
    """What a share allows in any case: a tenth of three subscriptions is none."""

    @classmethod
    def parse(cls, text: str) -> ChangeLimit:
        """Read `250` or `5%`. Raises ValueError."""
        found = _LIMIT.fullmatch(text.strip())
        if not found or (not found[2] and "." in found[1]):
            raise ValueError(f"{text!r} is neither a number of subscriptions nor a share like 5%.")
        if found[2] and float(found[1]) > 100:
            raise ValueError(f"{text!r} is more than all of them.")
        return cls(number=float(found[1]), is_share=bool(found[2]))

    def of(self, live: int) -> int:
        """The limit as a number of subscriptions."""
        if not self.is_share:
            return int(self.number)
        if self.number >= 100:
            return 2**62
        return max(int(live * self.number / 100), self.least)


TENTH = ChangeLimit(number=10, is_share=True, counts_losses=True, least=10)
"""Where nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """A run's options; kept with the run, so that it is resumed as it was begun."""

    apply: bool = False
    account: str = ""
    """`acct_…` of a connected account; empty for the platform."""
    customer_id: str = ""
    """`cus_…`: compare this customer alone."""
    since: int | None = None
    """Unix seconds: compare only what was created since."""
    only: frozenset[Kind] = frozenset()
    """Report and repair these kinds alone; empty: all."""
    max_changes: ChangeLimit = TENTH
    rate: float | None = None
    """Calls a second; None: 20 with a live key, 10 with a test key."""
    workers: int = 1
    """Threads of this process, or tasks where the run is distributed."""
    is_distributed: bool = False
    """The windows are tasks of Django's task framework, or of the setting ENQUEUE."""
    allow_empty: bool = False
    """Go on although Stripe lists no subscription at all and the database does."""
    events: bool = False
    """Look for events that never arrived."""
    payments: bool = False
    """Compare one-off payments although none is known here, and nothing is sold that is one."""
    verify_features: int | None = None
    """How many customers to cross-check with Stripe's active entitlements; -1: all."""

    def wants(self, kind: Kind) -> bool:
        return not self.only or kind in self.only

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "only": sorted(self.only),
            "max_changes": asdict(self.max_changes),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Options:
        return cls(
            **{
                **data,
                "only": frozenset(Kind(value) for value in data["only"]),
                "max_changes": ChangeLimit(**data["max_changes"]),
            }
        )
