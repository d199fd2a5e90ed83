"""Metered usage: reported in the caller's transaction, sent to Stripe afterwards, counted once."""

from .reporting import report, total, totals
from .sending import Sent, send_usage

__all__ = ["Sent", "report", "send_usage", "total", "totals"]
