"""Handlers of the project's own, by event type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from ..models import Event

Handler = Callable[[Event], object]
HandlerT = TypeVar("HandlerT", bound=Handler)

_handlers: dict[str, list[Handler]] = defaultdict(list)


def webhook_handler(*types: str) -> Callable[[HandlerT], HandlerT]:
    """Call a function of the project's with each event of these types.

    It is called with the `Event`, whose `status` says whether it was stale, after our own work and
    in the same transaction: what it writes commits with the event or not at all. An exception makes
    the event `failed`, Stripe gets a 500 and sends it again. It must not call Stripe, nor do
    anything that a rollback does not undo: use `transaction.on_commit` for that.
    """
    if not types or not all(isinstance(entry, str) for entry in types):
        raise TypeError('Name the event types: @webhook_handler("invoice.paid").')

    def register(handler: HandlerT) -> HandlerT:
        for entry in types:
            _handlers[entry].append(handler)
        return handler

    return register


def unregister(handler: Handler) -> None:
    """Forget a handler; for tests."""
    for registered in _handlers.values():
        while handler in registered:
            registered.remove(handler)


def handled_types() -> list[str]:
    """The types that the project has handlers for."""
    return [entry for entry, registered in _handlers.items() if registered]


def handlers_for(event_type: str) -> list[Handler]:
    """The project's handlers of a type, in the order in which they were registered."""
    return list(_handlers.get(event_type, ()))
