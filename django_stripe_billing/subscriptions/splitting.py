"""Who gets what of a subscription once its plan is another: the CONNECT hook is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..conf import settings
from ..connect import split_of
from ..exceptions import OtherSellerError
from ..rules.json_values import identifier, mapping
from .finding import Change
from .writing import read

NAMES = ("application_fee_percent", "on_behalf_of", "transfer_data")


@dataclass(frozen=True, kw_only=True)
class SplitChange:
    """What a subscription's split is, and what the new plan makes of it."""

    held: dict[str, Any]
    wanted: dict[str, Any]

    @property
    def params(self) -> dict[str, Any]:
        """What an update says; {} where all stays as it is. '' unsets."""
        return {
            name: self.wanted.get(name, "")
            for name in NAMES
            if self.held.get(name) != self.wanted.get(name)
        }


def split_change(subscriber: Any, change: Change) -> SplitChange | None:
    """What a change of the plan makes of the split; None where nothing is split, or the plan stays.

    Raises OtherSellerError where the new plan's money goes to another account, ConnectError and
    StripeError; one call.
    """
    if settings.CONNECT is None or change.keeps_price:
        return None
    wanted = split_of(None, subscriber, price=change.price, quantity=change.quantity)
    held = held_split(read(change.subscription))
    wanted = held_split(wanted)
    if _sellers(held) != _sellers(wanted):
        raise OtherSellerError(
            "That plan is sold by somebody else: end this subscription, and buy that one."
        )
    return SplitChange(held=held, wanted=wanted)


def held_split(shown: Any) -> dict[str, Any]:
    """The split that a subscription, or a schedule's phase, shows, as Stripe is told it."""
    found: dict[str, Any] = {}
    seller = identifier(shown.get("on_behalf_of"))
    if seller:
        found["on_behalf_of"] = seller
    if shown.get("application_fee_percent") is not None:
        found["application_fee_percent"] = _percent(shown["application_fee_percent"])
    transfer = mapping(shown.get("transfer_data"))
    if transfer:
        found["transfer_data"] = {"destination": identifier(transfer.get("destination"))}
        if transfer.get("amount_percent") is not None:
            found["transfer_data"]["amount_percent"] = _percent(transfer["amount_percent"])
    return found


def _percent(value: object) -> str:
    return f"{Decimal(str(value)).normalize():f}"


def _sellers(split: dict[str, Any]) -> tuple[str, str]:
    transfer = split.get("transfer_data") or {}
    return transfer.get("destination", ""), split.get("on_behalf_of", "")
