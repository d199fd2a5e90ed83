"""How a story is told: chapters, what was checked, and what a command printed."""

from __future__ import annotations

import time
from collections.abc import Callable

from .stage import Stage

WEBHOOK_SECONDS = 20


class Teller:
    """Each chapter acts, checks, and says what came of it."""

    def __init__(self, stage: Stage, *, chapters: int = 0) -> None:
        self._stage = stage
        self._number = chapters

    def _chapter(self, title: str) -> None:
        self._number += 1
        print(f"\n{self._number}. {title}", flush=True)

    def _say(self, text: str) -> None:
        print(f"   {text}", flush=True)

    def _held(self, condition: bool, text: str) -> None:
        assert condition, f"This does not hold: {text}"
        self._say(f"✓ {text}")

    def _until(self, condition: Callable[[], bool], text: str) -> None:
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < WEBHOOK_SECONDS, f"This does not come true: {text}"
            time.sleep(0.05)
        self._say(f"✓ {text} ({time.monotonic() - started:.2f} s)")

    def _print(self, output: str) -> None:
        for line in output.strip().splitlines():
            print(f"   │ {line}", flush=True)

    def _print_explanation(self, team: str) -> None:
        code = (
            "from teams.models import Team; from django_stripe_billing.access import explain;"
            f" print(explain(Team.objects.get(name={team!r}), 'reports'))"
        )
        self._print(self._shell(code))

    def _shell(self, code: str) -> str:
        """What a piece of Python prints within the site."""
        return self._stage.manage("shell", "--no-imports", "-c", code)
