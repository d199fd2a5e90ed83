"""Faults on request: Stripe is down, slow to answer, or its answer is lost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class Fault:
    """What shall go wrong with the next requests that match."""

    method: str = ""
    """Empty: every method."""
    path: str = ""
    """The path's beginning."""
    status: int = 500
    """The status to answer; 0 breaks the connection."""
    is_after: bool = False
    """The request is carried out first: only its answer is lost."""
    skip: int = 0
    """How many matching requests pass before it."""
    times: int = 1
    """How often it happens; -1: until it is cleared."""

    def takes(self, method: str, path: str) -> bool:
        """Whether it happens to this request; counts it."""
        if (self.method and self.method != method) or not path.startswith(self.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times == 0:
            return False
        self.times -= 1 if self.times > 0 else 0
        return True
