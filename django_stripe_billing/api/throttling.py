"""REST framework's side of the limit on what calls Stripe."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from ..exceptions import TooManyRequestsError
from ..throttling import count_request


class StripeThrottle(BaseThrottle):
    """By user. Who is not signed in is refused before Stripe is asked, and not counted."""

    _wait: int | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return True
        try:
            count_request(request.user)
        except TooManyRequestsError as error:
            self._wait = error.retry_after
            return False
        return True

    def wait(self) -> float | None:
        return self._wait
