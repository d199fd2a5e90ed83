"""For whom and when the engine's present work is done: an account, and a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from .clock import Clock
from .state import State, StripeObject


class Standing:
    """The accounts of a sandbox and its clocks; work stands at one of each."""

    def __init__(self, clock: Clock, *, seed: int) -> None:
        self.clock = clock
        self._seed = seed
        self.begin()

    def begin(self) -> None:
        """Forget every account; the platform is new."""
        self.platform = State(seed=self._seed, opened_at=int(self.clock.now()))
        self.account = ""
        """The connected account that the present work is about; empty: the platform itself."""
        self._states = {"": self.platform}
        self._moment: int | None = None

    @property
    def state(self) -> State:
        """What the account that the present work is about knows."""
        return self._states[self.account]

    @property
    def accounts(self) -> list[str]:
        """The platform (the empty id) and its connected accounts."""
        return list(self._states)

    @contextmanager
    def on_account(self, account: str) -> Iterator[None]:
        """Work for a connected account, which is opened at its first use, or for the platform."""
        if account == self.platform.account_id:
            account = ""
        if account not in self._states:
            self._states[account] = State(
                seed=f"{self._seed} {account}",
                account_id=account,
                opened_at=int(self.clock.now()),
            )
        held, self.account = self.account, account
        try:
            yield
        finally:
            self.account = held

    def account_of(self, object_id: str) -> str:
        """Whose an object is; of an unknown one: whoever the present work is about."""
        return next(
            (
                account
                for account, state in self._states.items()
                if object_id in state.objects or object_id in state.deleted
            ),
            self.account,
        )

    @property
    def now(self) -> int:
        """Whole seconds of the clock that the present work goes by.

        That is the sandbox's clock or a test clock; while something due happens, its own moment.
        """
        return int(self.clock.now()) if self._moment is None else self._moment

    @contextmanager
    def on_clock(self, test_clock: str | None, *, moment: int | None = None) -> Iterator[None]:
        """Work by a test clock (None: the sandbox's own), at a moment or at its present time."""
        held = self.state.clock, self._moment
        self.state.clock, self._moment = test_clock, moment
        if test_clock is not None and moment is None:
            self._moment = self.state.objects[test_clock]["frozen_time"]
        try:
            yield
        finally:
            self.state.clock, self._moment = held

    def on_clock_of(self, object_id: str) -> AbstractContextManager[None]:
        """Work by the clock that an object hangs on."""
        return self.on_clock(self.state.clock_of.get(object_id))

    def find(self, object_id: str) -> StripeObject | None:
        """An object, whosever it is."""
        return self._states[self.account_of(object_id)].objects.get(object_id)
