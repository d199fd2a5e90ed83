"""An HTTP client for stripe-python that calls a function instead of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


class CallableHTTPClient(stripe.HTTPClient):
    """Set as `STRIPE_BILLING["HTTP_CLIENT"]`, it keeps tests in one process."""

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
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        try:
            response = self._handle(method.upper(), path, post_data or "", headers or {})
        except ConnectionError as error:
            failure = stripe.APIConnectionError(str(error), should_retry=True)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
            raise failure from None
        return response.body.decode(), response.status, CaseInsensitiveDict(response.headers)

    def close(self) -> None:
        return None

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0
