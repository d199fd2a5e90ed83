"""How often somebody may ask for what calls Stripe: `60/min`."""

from __future__ import annotations

import re
from dataclasses import dataclass

PERIODS = {
    **dict.fromkeys(("s", "sec", "second"), 1),
    **dict.fromkeys(("m", "min", "minute"), 60),
    **dict.fromkeys(("h", "hour"), 3_600),
    **dict.fromkeys(("d", "day"), 86_400),
}
"""Seconds, by the words of REST framework's rates."""

_RATE = re.compile(r"([1-9][0-9]{0,8})/([a-z]+)")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many requests in a window of so many seconds."""

    number: int
    seconds: int

    def window(self, now: float) -> int:
        """The window that a moment, in Unix seconds, belongs to."""
        return int(now) // self.seconds

    def wait(self, now: float) -> int:
        """Whole seconds until the next window begins; at least one."""
        return self.seconds - int(now) % self.seconds


def parse_rate(text: str) -> Rate | None:
    """`60/min` as a rate; None where it is none."""
    found = _RATE.fullmatch(text)
    if found is None or found[2] not in PERIODS:
        return None
    return Rate(number=int(found[1]), seconds=PERIODS[found[2]])
