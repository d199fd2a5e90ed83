"""Webhook deliveries under a test's control: in order or not, twice, late, or never."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from .engine import Engine
from .state import StripeObject
from .webhooks import encode, sign

Post = Callable[[bytes, str], int]
"""`post(body, signature header)` returns the HTTP status."""

MOST_ROUNDS = 100


class Mailbox:
    """Collects the engine's events until they are delivered, dropped or shuffled."""

    def __init__(
        self, engine: Engine, post: Post, *, secret: str, connect_secret: str = ""
    ) -> None:
        """`connect_secret` signs the events of connected accounts; without it `secret` does."""
        self._engine = engine
        self._post = post
        self._secret = secret
        self._connect_secret = connect_secret or secret
        self.pending: list[StripeObject] = []
        self.delivered: list[StripeObject] = []
        engine.subscribe(self.pending.append)

    def deliver(self, *, shuffle: random.Random | None = None, copies: int = 1) -> list[int]:
        """Post what is pending, and what that causes; the statuses, in the order of posting.

        A delivery that is answered with anything but 2xx stays pending. `shuffle` reorders,
        `copies` repeats each event.
        """
        statuses: list[int] = []
        failed: list[StripeObject] = []
        for _round in range(MOST_ROUNDS):
            batch = [event for event in self.pending for _ in range(copies)]
            self.pending.clear()
            if not batch:
                break
            if shuffle is not None:
                shuffle.shuffle(batch)
            for event in batch:
                statuses.append(self.send(event))
                if not 200 <= statuses[-1] < 300 and event not in failed:
                    failed.append(event)
        self.pending += failed
        return statuses

    def send(self, event: StripeObject) -> int:
        """Post one event now, whether it was posted before or not; the HTTP status."""
        body = encode(event)
        secret = self._connect_secret if "account" in event else self._secret
        status = self._post(body, sign(body, secret=secret, timestamp=int(time.time())))
        if 200 <= status < 300:
            self.delivered.append(event)
            self._engine.mark_delivered(event["id"])
        return status

    def drop(self, event_type: str = "") -> list[StripeObject]:
        """Lose the pending events, all or those of a type; what was lost."""
        lost = [event for event in self.pending if event_type in {"", event["type"]}]
        self.pending[:] = [event for event in self.pending if event not in lost]
        return lost
