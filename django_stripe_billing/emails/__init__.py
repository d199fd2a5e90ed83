"""E-mails to those who pay: written with what causes them, sent once it has committed."""

from .outbox import has_email, send_email, turn_email, unsent_emails, write_email
from .wishes import is_yearly, recipient_of

__all__ = [
    "has_email",
    "is_yearly",
    "recipient_of",
    "send_email",
    "turn_email",
    "unsent_emails",
    "write_email",
]
