"""Webhooks over HTTP: signed, in order, and again with growing pauses until they are taken.

They go to the address the sandbox was started with, and to the account's webhook endpoints.
"""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .engine import Engine
from .resources import webhook_endpoints
from .state import StripeObject
from .webhooks import encode, sign

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
ATTEMPTS = 15
TIMEOUT = 30
WORKERS = 4
KEPT = 1000
"""How many deliveries the log remembers."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where events go."""

    url: str
    secret: str = field(repr=False)
    endpoint_id: str = ""
    """Empty: the address that the sandbox was started with."""


@dataclass(kw_only=True)
class Delivery:
    """An event on its way to a target."""

    event: StripeObject
    target: Target
    is_repeat: bool = False
    """Sent again by hand: nobody waits for it."""
    attempts: int = 0
    statuses: list[int] = field(default_factory=list)
    """HTTP statuses so far; 0: no answer."""

    @property
    def is_taken(self) -> bool:
        return bool(self.statuses) and 200 <= self.statuses[-1] < 300


Entry = tuple[float, int, Delivery]


def _moment(entry: Entry) -> tuple[float, int]:
    return entry[:2]


class HttpDeliveries:
    """Posts the engine's events from threads of its own, to each target in order.

    `is_holding` keeps them back, `drop` loses what is kept back, `replay` sends one again.
    """

    def __init__(
        self, engine: Engine, url: str = "", *, secret: str = "", connect_secret: str = ""
    ) -> None:
        """`connect_secret` signs the events of connected accounts for `url`; without it `secret`
        does, as Stripe's command line tool does."""
        self._engine = engine
        self._url, self._secret, self._connect_secret = url, secret, connect_secret or secret
        self._queue: list[Entry] = []
        self._ticket = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._busy: set[Target] = set()
        self.is_holding = False
        self.log: deque[Delivery] = deque(maxlen=KEPT)
        engine.subscribe(self._enqueue, targets=lambda event: len(self._targets(event)))
        self._threads = [
            threading.Thread(target=self._run, name=f"deliveries-{number}", daemon=True)
            for number in range(WORKERS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def hold(self, is_holding: bool) -> None:
        """Keep events back, or let them go."""
        with self._changed:
            self.is_holding = is_holding
            self._changed.notify_all()

    def drop(self, *, count: int | None = None) -> int:
        """Lose what is waiting, or the `count` oldest of it; how many were lost."""
        with self._changed:
            lost = len(self._queue) if count is None else min(count, len(self._queue))
            self._queue = sorted(self._queue, key=_moment)[lost:]
            self._changed.notify_all()
            return lost

    def replay(self, event_id: str) -> bool:
        """Send an event again; whether there is such an event."""
        event = self._engine.find(event_id)
        if event is None:
            return False
        self._enqueue(event, is_repeat=True)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way, except what is kept back; whether that came true."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._busy or (self._queue and not self.is_holding):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return False
                self._changed.wait(remaining)
        return True

    @property
    def waiting(self) -> list[StripeObject]:
        """The events that are still to be delivered, next first."""
        with self._changed:
            return [delivery.event for _, _, delivery in sorted(self._queue, key=_moment)]

    def _targets(self, event: StripeObject) -> list[Target]:
        """Who is sent an event: the platform's endpoints, each of those that it asked for."""
        platform = self._engine.platform
        secret = self._connect_secret if "account" in event else self._secret
        own = [Target(url=self._url, secret=secret)] if self._url else []
        return own + [
            Target(
                url=endpoint["url"],
                secret=platform.notes[endpoint["id"]]["secret"],
                endpoint_id=endpoint["id"],
            )
            for endpoint in platform.all("webhook_endpoint")
            if webhook_endpoints.wants(platform, endpoint, event)
        ]

    def _enqueue(self, event: StripeObject, *, is_repeat: bool = False) -> None:
        with self._changed:
            for target in self._targets(event):
                delivery = Delivery(event=event, target=target, is_repeat=is_repeat)
                self.log.append(delivery)
                self._push(delivery, after=0.0)

    def _push(self, delivery: Delivery, *, after: float) -> None:
        entry = (time.monotonic() + after, next(self._ticket), delivery)
        self._queue.append(entry)
        self._changed.notify_all()

    def _run(self) -> None:
        while (delivery := self._next()) is not None:
            is_wanted = self._is_wanted(delivery)
            if is_wanted:
                delivery.statuses.append(self._post(delivery))
                delivery.attempts += 1
            if delivery.is_taken and not delivery.is_repeat:
                self._engine.mark_delivered(delivery.event["id"])
            with self._changed:
                self._busy.discard(delivery.target)
                if is_wanted and not delivery.is_taken and delivery.attempts < ATTEMPTS:
                    pause = min(FIRST_PAUSE * 2 ** (delivery.attempts - 1), LONGEST_PAUSE)
                    self._push(delivery, after=pause)
                self._changed.notify_all()

    def _next(self) -> Delivery | None:
        """The first delivery that is due and whose target is free; None: it is over."""
        with self._changed:
            while not self._stopped:
                entry = self._first_free()
                if entry is None or self.is_holding:
                    self._changed.wait()
                    continue
                pause = entry[0] - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)
                    continue
                self._queue.remove(entry)
                self._busy.add(entry[2].target)
                return entry[2]
        return None

    def _first_free(self) -> Entry | None:
        free = (entry for entry in self._queue if entry[2].target not in self._busy)
        return min(free, key=_moment, default=None)

    def _is_wanted(self, delivery: Delivery) -> bool:
        """Not when its endpoint was deleted or disabled in the meantime."""
        if not delivery.target.endpoint_id:
            return True
        with self._engine.lock:
            found = self._engine.platform.objects.get(delivery.target.endpoint_id)
            return found is not None and found["status"] == "enabled"

    def _post(self, delivery: Delivery) -> int:
        body = encode(delivery.event)
        stamp = int(time.time())
        headers: dict[str, Any] = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (sandbox)",
            "Stripe-Signature": sign(body, secret=delivery.target.secret, timestamp=stamp),
        }
        url = urlsplit(delivery.target.url)
        is_secure = url.scheme == "https"
        connect = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        path = url.path or "/"
        if url.query:
            path += f"?{url.query}"
        try:
            connection = connect(url.netloc, timeout=TIMEOUT)
            try:
                connection.request("POST", path, body, headers)
                return connection.getresponse().status
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError):
            return 0
