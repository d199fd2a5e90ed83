"""An embedded stand-in for the part of Stripe that this package uses. It imports nothing of it."""

from .clock import ManualClock, SystemClock
from .engine import Engine
from .errors import SandboxError
from .faults import Fault
from .mailbox import Mailbox
from .requests import Response
from .webhooks import sign

__all__ = [
    "Engine",
    "Fault",
    "Mailbox",
    "ManualClock",
    "Response",
    "SandboxError",
    "SystemClock",
    "sign",
]
