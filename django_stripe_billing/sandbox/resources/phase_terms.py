"""What a schedule's phase says besides its items, its time and its split.

A phase that does not name one of these takes it from the schedule's default settings, and
discounts from the customer. https://docs.stripe.com/api/subscription_schedules/object
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import missing
from ..state import StripeObject
from . import discounts, payment_methods, subscription_items

if TYPE_CHECKING:
    from ..engine import Engine

PLAIN = ("collection_method", "default_payment_method", "description")
NONE: StripeObject = {
    **dict.fromkeys(PLAIN),
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": None,
}
KINDS = ("coupon", "discount", "promotion_code")


def of_subscription(subscription: StripeObject) -> StripeObject:
    """The terms of a phase that is a subscription as it is now."""
    days = subscription["days_until_due"]
    return {
        **{name: subscription[name] for name in PLAIN},
        "default_tax_rates": [],
        "discounts": [_shown({"discount": held}) for held in subscription["discounts"]],
        "invoice_settings": None if days is None else {"days_until_due": days},
    }


def defaults_of(subscription: StripeObject) -> StripeObject:
    """The default settings of a schedule that is made from a subscription."""
    return {name: subscription[name] for name in PLAIN}


def read(engine: Engine, entry: dict[str, Any], *, at: str) -> StripeObject:
    """The terms that a request's phase names. Raises SandboxError."""
    subscription_items.check_taxes(entry, name="default_tax_rates", at=at)
    method = entry.get("default_payment_method")
    if method:
        param = f"{at}[default_payment_method]"
        method = payment_methods.resolve(engine, method, param=param)["id"]
    for index, given in enumerate(entry.get("discounts") or []):
        for kind in KINDS:
            if given.get(kind) and given[kind] not in engine.state.objects:
                param = f"{at}[discounts][{index}][{kind}]"
                raise missing(kind.replace("_", " "), given[kind], param=param, status=400)
    return {
        **{name: entry.get(name) or None for name in PLAIN},
        "default_payment_method": method or None,
        "default_tax_rates": [],
        "discounts": [_shown(given) for given in entry.get("discounts") or []],
        "invoice_settings": entry.get("invoice_settings") or None,
    }


def _shown(given: dict[str, Any]) -> StripeObject:
    return {kind: given.get(kind) for kind in KINDS}


def take(
    engine: Engine, subscription: StripeObject, phase: StripeObject, defaults: StripeObject
) -> None:
    """Give a subscription the terms of the phase that it enters, or is in."""
    for name in PLAIN:
        subscription[name] = phase[name] or defaults[name]
    days = (phase["invoice_settings"] or {}).get("days_until_due")
    if days is not None:
        subscription["days_until_due"] = days
    wanted = [
        {kind: value for kind, value in given.items() if value} for given in phase["discounts"]
    ]
    held = subscription["discounts"]
    live = [given for given in wanted if given.get("discount", "") in {"", *held}]
    discounts.set_on_subscription(engine, subscription, live)
