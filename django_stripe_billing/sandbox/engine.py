"""The sandbox's engine: a request goes in, Stripe's answer comes out, events are told.

It knows no network and no framework, so that it can stand behind an HTTP server or inside a test.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from . import form
from .clock import Clock, SystemClock
from .errors import SandboxError
from .faults import Fault
from .requests import Requests, Response
from .resources import (
    checkout_completion,
    dunning,
    payment_attempts,
    setup_intents,
    test_clocks,
)
from .resources.events import build_event, difference
from .resources.payment_attempts import Outcome
from .standing import Standing
from .state import StripeObject

API_VERSION = "2026-10-28.endive"
RETRY_DAYS = (3, 5, 7)

EndOfDunning = Literal["cancel", "unpaid", "past_due", "pause"]


Subscriber = Callable[[StripeObject], None]


class Engine(Standing):
    """One Stripe sandbox account, and those that are connected to it."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seed: int = 0,
        base_url: str = "http://sandbox.invalid",
        api_version: str = API_VERSION,
        retry_days: tuple[int, ...] = RETRY_DAYS,
        end_of_dunning: EndOfDunning = "cancel",
    ) -> None:
        self.base_url = base_url
        """Where the hosted pages are, without a trailing slash."""
        self.api_version = api_version
        """The version that events are written in."""
        self.retry_days = retry_days
        """Days after the first failure on which an invoice is tried again."""
        self.end_of_dunning: EndOfDunning = end_of_dunning
        """What becomes of a subscription after the last attempt."""
        self.lock = threading.RLock()
        self._subscribers: list[tuple[Subscriber, Callable[[StripeObject], int]]] = []
        super().__init__(clock or SystemClock(), seed=seed)
        self.reset()

    def reset(self) -> None:
        """Forget everything but the subscribers."""
        with self.lock:
            self.begin()
            self._requests = Requests(self)
            self.faults: list[Fault] = []
            self.requests: list[tuple[str, str]] = []
            self.events: list[StripeObject] = []
            self._untold: list[StripeObject] = []

    # Requests

    def handle(
        self, method: str, path_with_query: str, body: str, headers: Mapping[str, str]
    ) -> Response:
        """Answer a request as Stripe would. Raises ConnectionError where a fault says so."""
        path, _, query = path_with_query.partition("?")
        lowered = {name.lower(): value for name, value in headers.items()}
        with self.lock, self._telling():
            self.requests.append((method, path))
            fault = next((fault for fault in self.faults if fault.takes(method, path)), None)
            if fault is not None and not fault.is_after:
                return self._requests.fail(fault, method, path, body, lowered)
            self._run_due()
            response = self._requests.answer(method, path, query, body, lowered)
            if fault is None:
                return response
            return self._requests.fail(fault, method, path, body, lowered)

    def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str = "",
        account: str = "",
    ) -> Any:
        """A request from plain data; the answer as plain data. Raises SandboxError.

        `account` acts as that connected account; without it, as the present work does.
        """
        encoded = form.encode(params or {})
        headers = {"Authorization": "Bearer sk_test_sandbox", "Stripe-Version": API_VERSION}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        if account:
            headers["Stripe-Account"] = account
        with self.lock, self._telling():
            in_query = method != "POST"
            self._run_due()
            response = self._requests.answer(
                method,
                path,
                encoded if in_query else "",
                "" if in_query else encoded,
                {name.lower(): value for name, value in headers.items()},
            )
        data = response.json()
        if response.status >= 400:
            raise SandboxError.of_body(data, status=response.status)
        return data

    def complete_checkout(
        self,
        session_id: str,
        *,
        payment_method: str = "pm_card_visa",
        email: str = "",
        is_authenticated: bool = False,
    ) -> StripeObject:
        """Pay an open Checkout Session, as its hosted page does.

        `is_authenticated`: the customer passes 3D Secure, should the card ask for it.

        Raises SandboxError when the card is declined, asks for 3D Secure, or the session is over.
        """
        with self.acting(session_id):
            session = checkout_completion.complete(
                self,
                session_id,
                payment_method=payment_method,
                email=email,
                is_authenticated=is_authenticated,
            )
            return copy.deepcopy(session)

    @contextmanager
    def acting(self, about: str = "") -> Iterator[None]:
        """Do something to the account that no request does; its events are told afterwards.

        `about`: the id of the object it is done to, by whose clock it happens.
        """
        with self.lock, self._telling():
            self._run_due()
            with self.on_account(self.account_of(about)), self.on_clock_of(about):
                yield

    def authenticate(self, intent_id: str, *, succeeds: bool = True) -> StripeObject:
        """Pass 3D Secure for a payment or setup intent, as its hosted page does, or fail it.

        Raises SandboxError when the intent does not wait for it.
        """
        with self.acting(intent_id):
            if intent_id.startswith("seti_"):
                intent = setup_intents.authenticate(self, intent_id, succeeds=succeeds)
            else:
                outcome = payment_attempts.authenticate(self, intent_id, succeeds=succeeds)
                intent = outcome.intent
            return copy.deepcopy(intent)

    def payment_decided(self, invoice_id: str, outcome: Outcome) -> None:
        """What became of the payment intent of an invoice, other than by charging the invoice."""
        dunning.payment_decided(self, invoice_id, outcome)

    def settle(self, intent_id: str, *, succeeds: bool | None = None) -> None:
        """Decide a delayed payment now: as its test account does, or as it is told."""
        with self.acting(intent_id):
            payment_attempts.settle(self, intent_id, succeeds=succeeds)

    # Events and time

    def subscribe(
        self, subscriber: Subscriber, *, targets: Callable[[StripeObject], int] = lambda event: 1
    ) -> None:
        """Call a function with each event, after the request that made it.

        `targets` says how many deliveries it makes of an event: its `pending_webhooks`.
        """
        self._subscribers.append((subscriber, targets))

    def emit(
        self,
        event_type: str,
        obj: StripeObject,
        *,
        previous: StripeObject | None = None,
        account: str = "",
    ) -> None:
        """Make an event about an object as it is now; `account`: of a connected account."""
        event = build_event(
            self,
            event_type,
            copy.deepcopy(obj),
            previous=previous,
            request_id=self._requests.request_id,
            idempotency_key=self._requests.idempotency_key,
        )
        if account:
            event["account"] = account
        event["pending_webhooks"] = sum(targets(event) for _, targets in self._subscribers)
        self.events.append(event)
        self._untold.append(event)

    @contextmanager
    def changing(self, obj: StripeObject, event_type: str) -> Iterator[None]:
        """Emit an event about what the block changes in an object, if it changes anything."""
        before = copy.deepcopy(obj)
        yield
        previous = difference(before, obj)
        if previous:
            self.emit(event_type, obj, previous=previous)

    def mark_delivered(self, event_id: str) -> None:
        """One more endpoint has taken the event."""
        with self.lock:
            event = self.find(event_id)
            if event is not None and event["pending_webhooks"] > 0:
                event["pending_webhooks"] -= 1

    def tick(self) -> None:
        """Let happen what is due by now: renewals, ends of trials, expiries, advancing clocks."""
        with self.acting():
            pass

    def _run_due(self) -> None:
        for account in self.accounts:
            with self.on_account(account):
                self.walk(None, until=int(self.clock.now()))
                test_clocks.finish_advancing(self)

    def walk(self, test_clock: str | None, *, until: int) -> None:
        """Let happen what is due on a clock, each thing at its own moment and in order."""
        moment = 0
        while (due := self.state.pop_due(test_clock, until)) is not None:
            moment = max(moment, due.at)
            with self.on_clock(test_clock, moment=moment):
                due.action()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        finally:
            untold, self._untold = self._untold, []
            for event in untold:
                for subscriber, _ in self._subscribers:
                    subscriber(copy.deepcopy(event))
