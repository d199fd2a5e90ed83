"""Connected accounts: which are listened to, and what they and the platform get of a sale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .conf import settings
from .exceptions import ConnectError
from .rules.connect import Mode, Split, split_params

__all__ = ["Split", "is_accepted", "split_of"]

_FIELDS = {field.name for field in fields(Split)}
_HOOK = 'The function that STRIPE_BILLING["CONNECT"] names'


def is_accepted(account: str) -> bool:
    """Whether events of this account are processed: the platform's ('') are, and those of the
    accounts that STRIPE_BILLING["CONNECT_ACCOUNTS"] names."""
    if not account:
        return True
    accepted = settings.CONNECT_ACCOUNTS
    if isinstance(accepted, str) or callable(accepted):
        return settings.callable("CONNECT_ACCOUNTS")(account) is True
    return account in (accepted or ())


def split_of(request: Any, subscriber: Any, *, price: Any, quantity: int) -> dict[str, Any]:
    """What Stripe is told of a sale's split, by the name of the parameter; {} without one.

    `request` is None where no request is at hand. Raises ConnectError for an answer of the hook's
    that Stripe would not take, and what the hook itself raises.
    """
    if settings.CONNECT is None:
        return {}
    hook = settings.callable("CONNECT")
    answer = hook(request, subscriber, price=price, quantity=quantity)
    if answer is None:
        return {}
    split = _split(answer)
    mode: Mode = "subscription" if price.is_recurring else "payment"
    amount = None if price.unit_amount is None else price.unit_amount * quantity
    try:
        return split_params(split, mode=mode, amount=amount, is_direct=bool(price.account))
    except ValueError as error:
        raise ConnectError(f"{_HOOK} returned a split that is refused: {error}") from None


def _split(answer: object) -> Split:
    if isinstance(answer, Split):
        return answer
    if not isinstance(answer, Mapping):
        raise ConnectError(f"{_HOOK} returned a {type(answer).__name__}; return a Split or None.")
    unknown = sorted(str(key) for key in answer if key not in _FIELDS)
    if unknown:
        raise ConnectError(
            f"{_HOOK} returned unknown keys: {', '.join(unknown)}."
            f" A split has {', '.join(sorted(_FIELDS))}."
        )
    return Split(**answer)
