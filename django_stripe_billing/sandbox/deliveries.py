"""Webhooks over HTTP: signed, in order, and again with growing pauses until they are taken."""

from __future__ import annotations

import heapq
import http.client
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .engine import Engine
from .state import StripeObject
from .webhooks import encode, sign

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
ATTEMPTS = 15
TIMEOUT = 30


@dataclass(kw_only=True)
class Delivery:
    """An event on its way to the endpoint."""

    event: StripeObject
    attempts: int = 0
    statuses: list[int] = field(default_factory=list)
    """HTTP statuses so far; 0: no answer."""

    @property
    def is_taken(self) -> bool:
        return bool(self.statuses) and 200 <= self.statuses[-1] < 300


class HttpDeliveries:
    """Posts the engine's events to one endpoint from a thread of its own.

    `is_holding` keeps them back, `drop` loses what is kept back, `replay` sends one again.
    """

    def __init__(self, engine: Engine, url: str, *, secret: str) -> None:
        self._engine = engine
        self._url = urlsplit(url)
        self._secret = secret
        self._queue: list[tuple[float, int, Delivery]] = []
        self._ticket = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._in_flight = 0
        self.is_holding = False
        self.log: list[Delivery] = []
        engine.subscribe(self._enqueue)
        self._thread = threading.Thread(target=self._run, name="deliveries", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    def hold(self, is_holding: bool) -> None:
        """Keep events back, or let them go."""
        with self._changed:
            self.is_holding = is_holding
            self._changed.notify_all()

    def drop(self, *, count: int | None = None) -> int:
        """Lose what is waiting, or the `count` oldest of it; how many were lost."""
        with self._changed:
            lost = len(self._queue) if count is None else min(count, len(self._queue))
            for _ in range(lost):
                heapq.heappop(self._queue)
            self._changed.notify_all()
            return lost

    def replay(self, event_id: str) -> bool:
        """Send an event again; whether there is such an event."""
        event = self._engine.state.objects.get(event_id)
        if event is None:
            return False
        self._enqueue(event)
        return True

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is under way, except what is kept back; whether that came true."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._in_flight or (self._queue and not self.is_holding):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return False
                self._changed.wait(remaining)
        return True

    @property
    def waiting(self) -> list[StripeObject]:
        """The events that are still to be delivered, next first."""
        with self._changed:
            return [delivery.event for _, _, delivery in sorted(self._queue)]

    def _enqueue(self, event: StripeObject) -> None:
        delivery = Delivery(event=event)
        with self._changed:
            self.log.append(delivery)
            self._push(delivery, after=0.0)

    def _push(self, delivery: Delivery, *, after: float) -> None:
        entry = (time.monotonic() + after, next(self._ticket), delivery)
        heapq.heappush(self._queue, entry)
        self._changed.notify_all()

    def _run(self) -> None:
        while (delivery := self._next()) is not None:
            status = self._post(delivery.event)
            delivery.attempts += 1
            delivery.statuses.append(status)
            if delivery.is_taken:
                self._engine.mark_delivered(delivery.event["id"])
            with self._changed:
                self._in_flight -= 1
                if not delivery.is_taken and delivery.attempts < ATTEMPTS:
                    pause = min(FIRST_PAUSE * 2 ** (delivery.attempts - 1), LONGEST_PAUSE)
                    self._push(delivery, after=pause)
                self._changed.notify_all()

    def _next(self) -> Delivery | None:
        with self._changed:
            while not self._stopped:
                if not self._queue or self.is_holding:
                    self._changed.wait()
                    continue
                pause = self._queue[0][0] - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)
                    continue
                self._in_flight += 1
                return heapq.heappop(self._queue)[2]
        return None

    def _post(self, event: StripeObject) -> int:
        body = encode(event)
        headers: dict[str, Any] = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (sandbox)",
            "Stripe-Signature": sign(body, secret=self._secret, timestamp=int(time.time())),
        }
        connect = (
            http.client.HTTPSConnection
            if self._url.scheme == "https"
            else http.client.HTTPConnection
        )
        path = self._url.path or "/"
        if self._url.query:
            path += f"?{self._url.query}"
        try:
            connection = connect(self._url.netloc, timeout=TIMEOUT)
            try:
                connection.request("POST", path, body, headers)
                return connection.getresponse().status
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return 0
