"""Stripe's events: verify → store → sync → answer."""

from .processing import WrongModeError, process_again, receive
from .registry import webhook_handler
from .view import webhook

__all__ = ["WrongModeError", "process_again", "receive", "webhook", "webhook_handler"]
