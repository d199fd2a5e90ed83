"""Idempotency keys. https://docs.stripe.com/api/idempotent_requests"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InvalidParameterError, SandboxError

KEPT_SECONDS = 24 * 3600
LONGEST = 255


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """The first answer to a key."""

    request: tuple[str, str, str]
    status: int
    body: bytes
    at: float


class Keys:
    """The keys of an account, across its endpoints."""

    def __init__(self) -> None:
        self._kept: dict[str, Remembered] = {}

    def recall(self, key: str, request: tuple[str, str, str], *, now: float) -> Remembered | None:
        """The first answer to this key; None when it is new, or older than a day.

        Raises SandboxError when the key came with another request.
        """
        if len(key) > LONGEST:
            raise InvalidParameterError(f"Idempotency keys have at most {LONGEST} characters.")
        kept = self._kept.get(key)
        if kept is None or now - kept.at > KEPT_SECONDS:
            return None
        if kept.request != request:
            raise SandboxError(
                "Keys for idempotent requests can only be used with the same parameters they were"
                " first used with.",
                type="idempotency_error",
            )
        return kept

    def remember(
        self, key: str, request: tuple[str, str, str], *, status: int, body: bytes, now: float
    ) -> None:
        self._kept[key] = Remembered(request=request, status=status, body=body, at=now)
