"""What subscribers and staff do to a subscription, and what it is at Stripe when it is done."""

from django_stripe_billing import subscriptions
from django_stripe_billing.dunning import retry_payment
from django_stripe_billing.models import Subscription
from django_stripe_billing.sync import Cause


def quantity(data):
    return data["items"]["data"][0]["quantity"]


def is_ending(data):
    return data["status"] == "active" and data["cancel_at"] == ends_at(data)


def ends_at(data):
    return data["items"]["data"][0]["current_period_end"]


def change(who):
    subscriptions.change_quantity(who, 4)


def change_later(who):
    subscriptions.change_quantity(who, 4, when="period_end")


def keep(who):
    """The present plan, while another one is scheduled."""
    subscriptions.change_quantity(who, 2)


def change_scheduled(who):
    subscriptions.change_quantity(who, 4)


def cancel_scheduled(who):
    subscriptions.cancel(who, feedback="unused")


def end_scheduled(who):
    cause = Cause(kind="person", id="root")
    subscriptions.end_subscription(Subscription.objects.get(), when="period_end", cause=cause)


def resume_scheduled(who):
    subscriptions.resume(who)


def use_code_scheduled(who):
    subscriptions.apply_promotion_code(who, "WELCOME")


def give_coupon(who):
    cause = Cause(kind="person", id="root")
    subscriptions.apply_coupon(Subscription.objects.get(), coupon="WELCOME", cause=cause)


def cancel_now(who):
    subscriptions.cancel(who, when="now")


def use_code(who):
    subscriptions.apply_promotion_code(who, "WELCOME")


NO_TROUBLE = {
    change: lambda at: quantity(at) == 4,
    change_later: lambda at: quantity(at) == 2 and at["schedule"],
    subscriptions.cancel: lambda at: at["status"] == "active" and at["cancel_at_period_end"],
    cancel_now: lambda at: at["status"] == "canceled",
    subscriptions.resume: lambda at: not at["cancel_at_period_end"] and not at["cancel_at"],
    subscriptions.pause: lambda at: at["status"] == "paused",
    subscriptions.unpause: lambda at: at["status"] == "active",
    use_code: lambda at: len(at["discounts"]) == 1,
    retry_payment: lambda at: at["status"] == "active",
    keep: lambda at: quantity(at) == 2 and not at["schedule"],
    change_scheduled: lambda at: quantity(at) == 4 and not at["schedule"],
    cancel_scheduled: lambda at: is_ending(at) and quantity(at) == 2,
    end_scheduled: lambda at: is_ending(at) and quantity(at) == 2,
    resume_scheduled: lambda at: not at["cancel_at"] and not at["schedule"],
    use_code_scheduled: lambda at: len(at["discounts"]) == 1 and at["schedule"],
    give_coupon: lambda at: len(at["discounts"]) == 1 and at["schedule"],
}
"""What a subscriber does, and what the subscription is at Stripe when it is done."""

CALLS = {
    change: 1,
    change_later: 4,
    subscriptions.cancel: 2,
    cancel_now: 1,
    subscriptions.resume: 1,
    subscriptions.pause: 2,
    subscriptions.unpause: 3,
    use_code: 3,
    retry_payment: 2,
    keep: 3,
    change_scheduled: 3,
    cancel_scheduled: 5,
    end_scheduled: 4,
    resume_scheduled: 3,
    use_code_scheduled: 5,
    give_coupon: 4,
}
"""How many calls each makes: every one of them fails once."""

SCHEDULED = {
    keep,
    change_scheduled,
    cancel_scheduled,
    end_scheduled,
    use_code_scheduled,
    give_coupon,
}
"""What is done while a change is scheduled."""

PAID = {change: 2, change_scheduled: 2, subscriptions.unpause: 2, retry_payment: 2}
"""How many invoices are then paid; the first period's alone for the others."""

WRITES = {
    change_later: 2,
    change_scheduled: 2,
    cancel_scheduled: 2,
    use_code_scheduled: 2,
    give_coupon: 2,
}
"""How many of these calls write; one for the others."""

REMAINS = {
    (change_scheduled, 1): "the change is made and paid, and the older wish still waits",
    (cancel_scheduled, 1): "the reason is noted, without an end",
    (use_code_scheduled, 1): "the discount is given, and does not count for what is scheduled yet",
    (give_coupon, 1): "the same",
}
"""What a refusal of the second write leaves, until the same is asked again."""

DISCOUNTED = {use_code_scheduled, give_coupon}
"""What puts a discount on what is scheduled, too."""
