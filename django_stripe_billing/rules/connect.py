"""How the money of a sale is split between the platform and a connected account.

https://docs.stripe.com/connect/destination-charges
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Mode = Literal["subscription", "payment"]

ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]{1,59}")


@dataclass(frozen=True, kw_only=True)
class Split:
    """Who gets what of a sale that the platform makes for a connected account."""

    destination: str = ""
    """`acct_…`: the account that the money is transferred to."""
    on_behalf_of: str = ""
    """`acct_…`: the account that the customer buys from: its name on the statement, its fees."""
    application_fee_percent: Decimal | int | None = None
    """Of a subscription: what the platform keeps of each invoice, 0 to 100, two decimals."""
    application_fee_amount: int | None = None
    """Of a one-off payment: what the platform keeps, in minor units."""
    transfer_percent: Decimal | int | None = None
    """Of a subscription, instead of a fee: what is transferred, 0 to 100, two decimals."""
    transfer_amount: int | None = None
    """Of a one-off payment, instead of a fee: what is transferred, in minor units."""


def split_params(
    split: Split, *, mode: Mode, amount: int | None, is_direct: bool = False
) -> dict[str, Any]:
    """What Stripe is told, under `subscription_data` or `payment_intent_data`.

    `amount`: what is paid, in minor units; None where that is not known. `is_direct`: the connected
    account sells it itself, so that there is nobody to name but the fee. Plain data: percents are
    text. Raises ValueError with what is wrong.
    """
    for name in ("destination", "on_behalf_of"):
        account = getattr(split, name)
        if account != "" and not (isinstance(account, str) and ACCOUNT.fullmatch(account)):
            raise ValueError(f"{name} is no acct_….")
    _refuse_others(split, mode)
    params: dict[str, Any] = {}
    fee: str | int | None
    transfer: str | int | None
    if mode == "subscription":
        fee, transfer = (
            _percent(split, "application_fee_percent"),
            _percent(split, "transfer_percent"),
        )
        fee_name, transfer_name = "application_fee_percent", "amount_percent"
    else:
        fee, transfer = (
            _amount(split, "application_fee_amount", amount),
            _amount(split, "transfer_amount", amount),
        )
        fee_name, transfer_name = "application_fee_amount", "amount"
    if is_direct:
        if fee is None or split.destination or split.on_behalf_of or transfer is not None:
            raise ValueError("a connected account sells this itself: name the fee alone.")
        return {fee_name: fee}
    if not split.destination and (fee is not None or transfer is not None):
        raise ValueError("a fee or a share needs a destination.")
    if not split.destination and not split.on_behalf_of:
        raise ValueError("it names no account; return None for a sale of the platform's own.")
    if fee is not None and transfer is not None:
        raise ValueError("name what is kept or what is transferred, not both.")
    if split.on_behalf_of:
        params["on_behalf_of"] = split.on_behalf_of
    if fee is not None:
        params[fee_name] = fee
    if split.destination:
        share = {} if transfer is None else {transfer_name: transfer}
        params["transfer_data"] = {"destination": split.destination, **share}
    return params


_OF_MODE: dict[str, tuple[str, str]] = {
    "subscription": ("application_fee_percent", "transfer_percent"),
    "payment": ("application_fee_amount", "transfer_amount"),
}


def _refuse_others(split: Split, mode: Mode) -> None:
    for other, names in _OF_MODE.items():
        for name in names:
            if other != mode and getattr(split, name) is not None:
                raise ValueError(f"{name} is of a {other}, and this is a {mode}.")


def _percent(split: Split, name: str) -> str | None:
    value = getattr(split, name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{name} is no Decimal and no int.")
    number = Decimal(value)
    if not number.is_finite() or not 0 <= number <= 100:
        raise ValueError(f"{name} is not from 0 to 100.")
    if number != round(number, 2):
        raise ValueError(f"{name} has more than two decimals.")
    return f"{number.normalize():f}"


def _amount(split: Split, name: str, most: int | None) -> int | None:
    value = getattr(split, name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} is no whole number of minor units.")
    if value < 0:
        raise ValueError(f"{name} is negative.")
    if most is not None and value > most:
        raise ValueError(f"{name} is more than the {most} that are paid.")
    return value
