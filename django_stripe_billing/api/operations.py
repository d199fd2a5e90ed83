"""What each endpoint takes and gives: one declaration for the throttle and the OpenAPI schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from rest_framework import serializers

Method = TypeVar("Method", bound=Callable[..., Any])
Shape = type[serializers.Serializer[Any]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a view, as its callers see it."""

    gives: Shape
    """Of the answer; of its rows where `is_list` or `is_paginated`."""
    status: int = 200
    takes: Shape | None = None
    """Of the body."""
    asks: Shape | None = None
    """Of the query parameters."""
    codes: tuple[str, ...] = ()
    """Of `errors.ANSWERS`, those that are this endpoint's own; what all have is not repeated."""
    calls_stripe: bool = False
    """It counts against `THROTTLE`, and may find Stripe unavailable."""
    is_open: bool = False
    """Nobody needs to sign in."""
    is_list: bool = False
    is_paginated: bool = False


def documented(operation: Operation) -> Callable[[Method], Method]:
    """Declare what a view's `get` or `post` does."""

    def declare(method: Method) -> Method:
        method.operation = operation  # type: ignore[attr-defined]  # read below
        return method

    return declare


def operation_of(view: Any, method: str) -> Operation | None:
    """What a view, or its class, declares for an HTTP method."""
    return getattr(getattr(view, method.lower(), None), "operation", None)
