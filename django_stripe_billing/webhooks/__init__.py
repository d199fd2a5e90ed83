"""Stripe's events: verify → store → sync → answer."""

from .processing import WrongModeError, process_again, receive
from .registry import handled_types, webhook_handler
from .view import webhook

__all__ = [
    "WrongModeError",
    "handled_types",
    "process_again",
    "receive",
    "webhook",
    "webhook_handler",
]
