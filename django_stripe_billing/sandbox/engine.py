"""The sandbox's engine: a request goes in, Stripe's answer comes out, events are told.

It knows no network and no framework, so that it can stand behind an HTTP server or inside a test.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Literal

from . import form, parameters
from .clock import Clock, SystemClock
from .errors import PLAIN_IN_ERRORS, InvalidParameterError, SandboxError
from .expand import expand
from .faults import Fault
from .idempotency import Keys
from .resources import (
    INCLUDE,
    ROUTES,
    checkout_completion,
    dunning,
    payment_attempts,
    setup_intents,
    test_clocks,
)
from .resources.events import build_event
from .resources.payment_attempts import Outcome
from .routes import Call, match
from .state import State, StripeObject

API_VERSION = "2026-10-28.endive"
RETRY_DAYS = (3, 5, 7)

EndOfDunning = Literal["cancel", "unpaid", "past_due", "pause"]

_KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]{4,}")
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]+")
_VERSION = re.compile(r"20\d\d-\d\d-\d\d(\.[a-z]+)?(;.*)?")


Subscriber = Callable[[StripeObject], None]


@dataclass(frozen=True, kw_only=True)
class Response:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Engine:
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
        self.clock: Clock = clock or SystemClock()
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
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Forget everything but the subscribers."""
        with self.lock:
            self.platform = State(seed=self._seed, opened_at=int(self.clock.now()))
            self.account = ""
            """The connected account that the present work is about; empty: the platform itself."""
            self._states = {"": self.platform}
            self._keys: defaultdict[str, Keys] = defaultdict(Keys)
            self.faults: list[Fault] = []
            self.requests: list[tuple[str, str]] = []
            self.events: list[StripeObject] = []
            self._untold: list[StripeObject] = []
            self._moment: int | None = None
            self._request_id: str | None = None
            self._idempotency_key: str | None = None

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
                return self._fail(fault, method, path, body, lowered)
            response = self._answer(method, path, query, body, lowered)
            if fault is None:
                return response
            return self._fail(fault, method, path, body, lowered)

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
            response = self._answer(
                method,
                path,
                encoded if in_query else "",
                "" if in_query else encoded,
                {name.lower(): value for name, value in headers.items()},
            )
        data = response.json()
        if response.status >= 400:
            error = data["error"]
            raise SandboxError(
                error["message"],
                status=response.status,
                type=error["type"],
                code=error.get("code", ""),
                param=error.get("param", ""),
                decline_code=error.get("decline_code", ""),
                details={name: error[name] for name in error.keys() - PLAIN_IN_ERRORS},
            )
        return data

    def _answer(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> Response:
        self._run_due()
        with self.on_account(self._acted_for(headers)):
            return self._answer_for_account(method, path, query, body, headers)

    def _acted_for(self, headers: Mapping[str, str]) -> str:
        named = headers.get("stripe-account", "")
        return named if _ACCOUNT.fullmatch(named) else self.account

    def _answer_for_account(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> Response:
        keys = self._keys[self.account]
        self._request_id = self.state.new_id("req_")
        key = headers.get("idempotency-key", "") if method == "POST" else ""
        self._idempotency_key = key or None
        request = (method, path, body)
        try:
            self._authorise(headers)
            if key and (kept := keys.recall(key, request, now=self.clock.now())):
                return self._response(kept.status, kept.body, replayed=True)
            status, data = 200, self._operate(method, path, query, body, headers)
        except SandboxError as error:
            status, data = error.status, error.body()
            if isinstance(error, InvalidParameterError):
                key = ""
        finally:
            self._idempotency_key = None
        encoded = json.dumps(data).encode()
        response = self._response(status, encoded)
        self._request_id = None
        if key and status not in {401, 409, 429}:
            keys.remember(key, request, status=status, body=encoded, now=self.clock.now())
        return response

    def _operate(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> StripeObject:
        found = match(ROUTES, method, path)
        if found is None:
            raise InvalidParameterError(f"Unrecognized request URL ({method}: {path}).", status=404)
        route, ids = found
        is_tolerant = "stripe-version" not in headers
        given = form.decode(body if method == "POST" else query)
        params = parameters.read(route.name, given, is_tolerant=is_tolerant)
        paths = params.pop("expand", None) or []
        call = Call(engine=self, ids=ids, params=params, is_tolerant=is_tolerant)
        with self.on_clock(test_clocks.named_by(self.state, ids, params)):
            answer = copy.deepcopy(route.operation(call))
            expand(answer, paths, find=self._copy_of, include=self._included)
        return answer

    def _authorise(self, headers: Mapping[str, str]) -> None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not _KEY.fullmatch(key.strip()):
            raise InvalidParameterError(
                "Invalid API Key provided: the sandbox takes sk_test_ and rk_test_ keys.",
                status=401,
            )
        account = headers.get("stripe-account")
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise InvalidParameterError(
                f"The provided key does not have access to account '{account}' (or that account"
                " does not exist).",
                status=403,
                code="account_invalid",
            )
        version = headers.get("stripe-version")
        if version is not None and not _VERSION.fullmatch(version):
            raise InvalidParameterError(f"Invalid Stripe API version: {version}")

    def _copy_of(self, object_id: str) -> StripeObject | None:
        found = self.state.objects.get(object_id) or self.state.deleted.get(object_id)
        return copy.deepcopy(found)

    def _included(self, obj: StripeObject, name: str) -> Any:
        include = INCLUDE.get((str(obj.get("object")), name))
        return None if include is None else copy.deepcopy(include(self, obj))

    def _response(self, status: int, body: bytes, *, replayed: bool = False) -> Response:
        headers = {
            "Content-Type": "application/json",
            "Date": formatdate(int(self.clock.now()), usegmt=True),
            "Request-Id": self._request_id or "",
            "Stripe-Version": self.api_version,
        }
        if self.account:
            headers["Stripe-Account"] = self.account
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(status=status, headers=headers, body=body)

    def _fail(
        self, fault: Fault, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> Response:
        """The fault's answer; Stripe remembers a 5xx under the request's idempotency key, too."""
        if fault.status == 0:
            raise ConnectionError("The sandbox broke the connection, as it was told to.")
        kind = "api_error" if fault.status >= 500 else "invalid_request_error"
        error = {"error": {"type": kind, "message": "A fault, as the sandbox was told."}}
        self._request_id = self.state.new_id("req_")
        encoded = json.dumps(error).encode()
        key = headers.get("idempotency-key", "")
        if key and method == "POST" and fault.status >= 500:
            request = (method, path, body)
            self._keys[self._acted_for(headers)].remember(
                key, request, status=fault.status, body=encoded, now=self.clock.now()
            )
        return self._response(fault.status, encoded)

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
            request_id=self._request_id,
            idempotency_key=self._idempotency_key,
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

    def find(self, object_id: str) -> StripeObject | None:
        """An object, whosever it is."""
        return self._states[self.account_of(object_id)].objects.get(object_id)

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


def difference(before: StripeObject, after: StripeObject) -> StripeObject:
    """`previous_attributes`: the old values of what changed; lists whole, hashes by key."""
    changed: StripeObject = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and new.get("object") != "list":
            changed[key] = difference(old, new)
        else:
            changed[key] = old
    return changed
