"""Handlers of the project's own, by event type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from ..models import Event

Handler = Callable[[Event], object]
HandlerT = TypeVar("HandlerT", bound=Handler)

_handlers: dict[tuple[str, bool], list[Handler]] = defaultdict(list)
"""By event type, and whether they hear of connected accounts."""


def webhook_handler(*types: str, is_connected: bool = False) -> Callable[[HandlerT], HandlerT]:
    """Call a function of the project's with each event of these types.

    It is called with the `Event`, whose `status` says whether it was stale, after our own work and
    in the same transaction: what it writes commits with the event or not at all. An exception makes
    the event `failed`, Stripe gets a 500 and sends it again. It must not call Stripe, nor do
    anything that a rollback does not undo: use `transaction.on_commit` for that.

    It hears of the platform's events only or, with `is_connected`, only of those of the connected
    accounts in CONNECT_ACCOUNTS; `event.account` says whose one is.
    """
    if not types or not all(isinstance(entry, str) for entry in types):
        raise TypeError('Name the event types: @webhook_handler("invoice.paid").')

    def register(handler: HandlerT) -> HandlerT:
        for entry in types:
            _handlers[entry, is_connected].append(handler)
        return handler

    return register


def unregister(handler: Handler) -> None:
    """Forget a handler; for tests."""
    for registered in _handlers.values():
        while handler in registered:
            registered.remove(handler)


def handled_types(*, is_connected: bool = False) -> list[str]:
    """The types that the project has handlers for: of the platform, or of connected accounts."""
    return [
        entry
        for (entry, whose), registered in _handlers.items()
        if registered and whose is is_connected
    ]


def handlers_for(event_type: str, *, account: str = "") -> list[Handler]:
    """The project's handlers of a type, in the order in which they were registered."""
    return list(_handlers.get((event_type, bool(account)), ()))
