"""Which e-mails are wanted, to whom they go, and in which language: settings and hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from ..conf import settings
from ..models import Customer, Price, SubscriptionItem

Wish = bool | Callable[[Mapping[str, Any]], bool]

DEFAULT_WISHES: dict[str, bool | str] = {
    "receipt": True,
    "payment_failed": True,
    "action_required": True,
    "trial_ending": True,
    "renewal_coming": "django_stripe_billing.emails.is_yearly",
    "subscription_ended": True,
}
"""What holds for a kind that STRIPE_BILLING["EMAILS"] does not name."""


def wish_for(kind: str) -> Wish:
    """The project's word on a kind: a bool, or a function of the e-mail's context.

    Raises ImportError for a path that leads nowhere.
    """
    wish: Any = {**DEFAULT_WISHES, **settings.EMAILS}.get(kind, False)
    found: Wish = import_string(wish) if isinstance(wish, str) else wish
    return found


def may_be_wanted(kind: str) -> bool:
    """False only where the kind is switched off altogether."""
    return {**DEFAULT_WISHES, **settings.EMAILS}.get(kind, False) is not False


def is_wanted(kind: str, context: Mapping[str, Any]) -> bool:
    """Whether an e-mail is wanted, which the project may decide for each."""
    wish = wish_for(kind)
    return bool(wish(context)) if callable(wish) else wish is True


def is_yearly(context: Mapping[str, Any]) -> bool:
    """Whether the e-mail's subscription renews once a year or more seldom."""
    subscription = context.get("subscription")
    if subscription is None:
        return False
    prices = Price.objects.filter(
        account=subscription.account,
        stripe_id__in=SubscriptionItem.objects.filter(subscription=subscription).values("price_id"),
    )
    months = [
        price.interval_count * {"year": 12, "month": 1}.get(price.interval, 0) for price in prices
    ]
    return bool(months) and min(months) >= 12


def recipient_of(customer: Customer, kind: str) -> str:
    """The subscriber's e-mail address, else the one that Stripe has of the customer."""
    return str(getattr(customer.subscriber, "email", "") or customer.email)


def recipient_of_choice(customer: Customer, kind: str) -> str:
    """The address that the EMAIL_RECIPIENT hook names; '' for nobody."""
    return str(settings.callable("EMAIL_RECIPIENT")(customer, kind) or "")


def language_of(customer: Customer) -> str:
    """The language that the EMAIL_LANGUAGE hook names, else the project's."""
    hook = settings.callable("EMAIL_LANGUAGE") if settings.EMAIL_LANGUAGE else None
    return str((hook(customer) if hook else "") or django_settings.LANGUAGE_CODE)
