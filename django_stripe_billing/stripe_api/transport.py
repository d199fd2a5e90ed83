"""HTTP clients for stripe-python: one calls a function, one keeps bodies as they came."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol
from urllib.parse import urlsplit

import stripe
from requests.structures import CaseInsensitiveDict


class HandledResponse(Protocol):
    """What the function answers."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


Handle = Callable[[str, str, str, Mapping[str, str]], HandledResponse]
"""`handle(method, path with query, form-encoded body, headers)`."""

Response = tuple[Any, int, Mapping[str, str]]
"""Body, status, headers."""


_VALUE = re.compile(r"\S[^\r\n]*|")
"""What an HTTP library takes as a header's value: one line, which begins with no space."""


class CallableHTTPClient(stripe.HTTPClient):
    """Set as `STRIPE_BILLING["HTTP_CLIENT"]`, it keeps tests in one process.

    Headers that no HTTP library could send fail here as they do there, before anything is asked.
    """

    name = "callable"

    def __init__(self, handle: Handle) -> None:
        super().__init__()
        self._handle = handle

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **kwargs: Any,
    ) -> Response:
        _check(headers or {})
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            response = self._handle(method.upper(), path, post_data or "", headers or {})
        except ConnectionError as error:
            failure = stripe.APIConnectionError(str(error), should_retry=True)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
            raise failure from None
        return response.body, response.status, CaseInsensitiveDict(response.headers)

    def close(self) -> None:
        return None

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0


def _check(headers: Mapping[str, str]) -> None:
    """Raises the SDK's APIConnectionError, as its own client does for what it can't send."""
    for name, value in headers.items():
        try:
            str(value).encode("latin-1")
            reason = "" if _VALUE.fullmatch(str(value)) else "InvalidHeader"
        except UnicodeEncodeError:
            reason = "UnicodeEncodeError"
        if reason:
            text = (
                f"Unexpected error communicating with Stripe.\n\n(Network error: {reason}: {name})"
            )
            failure = stripe.APIConnectionError(text, should_retry=False)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
            raise failure from None


class RawBodies(stripe.HTTPClient):
    """Keeps the body of a successful answer from the SDK, which decodes JSON slowly.

    Measured on pages of a hundred subscriptions: stripe-python's own decoding, with a hook for each
    JSON object, takes three times as long as `json.loads`.
    """

    name = "raw_bodies"

    def __init__(
        self, inner: stripe.HTTPClient, *, before_repetition: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._inner = inner
        self._before_repetition = before_repetition
        self._body: ContextVar[bytes | str] = ContextVar("stripe_body", default=b"")
        self._is_begun: ContextVar[bool] = ContextVar("stripe_request_is_begun", default=False)

    def begin(self) -> None:
        """The next request of this thread is a new one, and no repetition by the SDK."""
        self._is_begun.set(False)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **kwargs: Any,
    ) -> Response:
        if self._is_begun.get():
            self._before_repetition()
        self._is_begun.set(True)
        body, status, answered = self._inner.request(method, url, headers, post_data, **kwargs)
        if not 200 <= status < 300:
            return body, status, answered
        self._body.set(body)
        return b"{}", status, answered

    def take_body(self) -> bytes | str:
        """The body of this thread's last successful answer."""
        body = self._body.get()
        self._body.set(b"")
        return body

    def close(self) -> None:
        self._inner.close()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return self._inner._sleep_time_seconds(num_retries)
