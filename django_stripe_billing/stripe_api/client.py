"""The one client of Stripe: plain dicts in and out, our exceptions, the interval of each answer."""

from __future__ import annotations

import functools
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import stripe
from django.db import transaction

from ..conf import settings
from ..exceptions import StripeError, StripeUnavailableError
from ..rules.ordering import Interval, of_answer
from .decoding import decode
from .errors import translated
from .pace import Pace
from .transport import RawBodies

logger = logging.getLogger("django_stripe_billing.stripe_api")

stripe.enable_telemetry = False  # it would write a file into the user's home

Method = Literal["get", "post", "delete"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Stripe answered to one request."""

    data: dict[str, Any]
    interval: Interval
    """When the answer was taken, on Stripe's clock."""
    request_id: str
    """`req_…`, what Stripe's support asks for."""
    is_replayed: bool = False
    """Stripe's first answer to this idempotency key, repeated: the date is newer than the data."""


def request(
    method: Method,
    path: str,
    params: dict[str, Any] | None = None,
    *,
    account: str = "",
    idempotency_key: str = "",
) -> Answer:
    """Call Stripe once, with the SDK's retries for lost connections and 5xx.

    `params` is nested plain data; `account` acts as that connected account; `idempotency_key` makes
    a repeated POST safe. Raises `StripeError` or one of its kinds, and RuntimeError inside a
    database transaction: locks would be held while Stripe thinks, and a rollback would forget what
    was done there.
    https://docs.stripe.com/api
    """
    _refuse_inside_transaction(path)
    options: dict[str, Any] = {}
    if account:
        options["stripe_account"] = account
    if idempotency_key:
        options["idempotency_key"] = idempotency_key
    client = _client()
    _take_turn()
    client.http.begin()
    started = time.monotonic()
    response = _send(client.sdk, method, path, {**(params or {}), **options})
    elapsed = time.monotonic() - started
    data = _decoded(client.http.take_body())
    if data is None:
        raise StripeUnavailableError(
            "Stripe's answer (HTTP 200) can't be read; a proxy may have made it.", status=200
        )
    return Answer(
        data=data,
        interval=_interval(response.headers, elapsed=elapsed),
        request_id=str(response.request_id or ""),
        is_replayed=response.headers.get("Idempotent-Replayed") == "true",
    )


def _send(client: stripe.StripeClient, method: Method, path: str, params: dict[str, Any]) -> Any:
    failure: StripeError
    try:
        return client.raw_request(method, path, **params)
    except stripe.StripeError as error:
        failure = translated(error)
    except UnicodeDecodeError:  # stripe-python reads what it logs before it looks at it
        failure = StripeUnavailableError("Stripe's answer is no text; a proxy may have made it.")
    raise failure


def _refuse_inside_transaction(path: str) -> None:
    """A transaction that a TestCase opened around a test does not count, as for `durable`."""
    blocks = transaction.get_connection().atomic_blocks
    if blocks and not blocks[-1]._from_testcase:
        raise RuntimeError(
            f"Stripe is not asked ({path}) inside a database transaction. Where every request is"
            " one, take the view out of it with transaction.non_atomic_requests."
        )


@contextmanager
def paced(pace: Pace) -> Iterator[None]:
    """Every call in the block waits for its turn."""
    token = _pace.set(pace)
    try:
        yield
    finally:
        _pace.reset(token)


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Counts the calls to Stripe that this thread makes in the block, under the key `calls`."""
    counter: Counter[str] = Counter()
    token = _counter.set(counter)
    try:
        yield counter
    finally:
        _counter.reset(token)


_pace: ContextVar[Pace | None] = ContextVar("stripe_pace", default=None)
_counter: ContextVar[Counter[str] | None] = ContextVar("stripe_calls", default=None)


def _take_turn() -> None:
    """Wait for the call's turn, and count it; the SDK's repetitions are calls, too."""
    pace, counter = _pace.get(), _counter.get()
    if pace is not None:
        pace.take()
    if counter is not None:
        counter["calls"] += 1


def _interval(headers: Any, *, elapsed: float) -> Interval:
    """The interval of an answer, from its Date header.

    Without one, as a test's double or a proxy leaves it, by the local clock: what was asked for has
    happened, and an error would say that it had not.
    """
    try:
        date = parsedate_to_datetime(headers["Date"])
    except (KeyError, TypeError, ValueError):
        logger.warning("Stripe's answer has no readable Date header: the local clock stands in.")
        second = int(time.time())
    else:
        second = int(date.replace(tzinfo=date.tzinfo or UTC).timestamp())
    return of_answer(date=second, elapsed=elapsed)


def _decoded(body: bytes | str) -> dict[str, Any] | None:
    """The JSON object in a body; None for another: a traceback must not show what that holds."""
    try:
        return decode(body)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, kw_only=True)
class _Client:
    sdk: stripe.StripeClient
    http: RawBodies


def _client() -> _Client:
    return _client_for(
        settings.API_KEY,
        settings.api_base,
        settings.MAX_NETWORK_RETRIES,
        settings.TIMEOUT,
        settings.callable("HTTP_CLIENT"),
    )


@functools.lru_cache(maxsize=8)
def _client_for(
    api_key: str,
    api_base: str,
    max_network_retries: int,
    timeout: float,
    http_client: Any,
) -> _Client:
    if not api_key:
        raise StripeUnavailableError('STRIPE_BILLING["API_KEY"] is empty.')
    http = RawBodies(
        http_client or stripe.RequestsClient(timeout=timeout), before_repetition=_take_turn
    )
    sdk = stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        max_network_retries=max_network_retries,
        http_client=http,
    )
    return _Client(sdk=sdk, http=http)
