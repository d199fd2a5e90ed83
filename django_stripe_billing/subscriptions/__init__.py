"""What subscribers do to their own subscription: change it, end it, take that back, pause it."""

from .by_staff import end_subscription, extend_trial
from .changing import change_plan, change_quantity
from .ending import FEEDBACK, cancel, pause, resume, unpause
from .finding import own_subscription
from .previewing import ChangePreview, PreviewLine, accept_preview, preview_change
from .promotions import apply_promotion_code
from .scheduling import withdraw_scheduled_change

__all__ = [
    "FEEDBACK",
    "ChangePreview",
    "PreviewLine",
    "accept_preview",
    "apply_promotion_code",
    "cancel",
    "change_plan",
    "change_quantity",
    "end_subscription",
    "extend_trial",
    "own_subscription",
    "pause",
    "preview_change",
    "resume",
    "unpause",
    "withdraw_scheduled_change",
]
