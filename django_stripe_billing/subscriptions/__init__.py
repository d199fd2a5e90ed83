"""What subscribers do to their own subscription: change it, end it, take that back, pause it."""

from .by_staff import apply_coupon, end_subscription, extend_trial
from .changing import change_plan, change_quantity
from .ending import FEEDBACK, cancel, pause, resume, unpause
from .finding import CHANGEABLE, own_subscription
from .previewing import ChangePreview, PreviewLine, accept_preview, preview_change
from .promotions import apply_promotion_code
from .scheduling import ScheduledChange, scheduled_change, withdraw_scheduled_change

__all__ = [
    "CHANGEABLE",
    "FEEDBACK",
    "ChangePreview",
    "PreviewLine",
    "ScheduledChange",
    "accept_preview",
    "apply_coupon",
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
    "scheduled_change",
    "unpause",
    "withdraw_scheduled_change",
]
