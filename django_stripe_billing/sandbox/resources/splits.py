"""Who gets what of a payment: application fees, destination charges, the account that sells.

https://docs.stripe.com/connect/destination-charges
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine

NAMES = ("application_fee_percent", "on_behalf_of", "transfer_data")
"""What a subscription has of it, and passes on to the payments of its invoices."""

_ACCOUNT = re.compile(r"acct_[A-Za-z0-9_]+")


def check(
    engine: Engine, given: dict[str, Any], *, at: str = "", amount: int | None = None
) -> None:
    """Refuse what Stripe refuses. `at`: the parameter that holds the values; `amount`: what is
    paid, in minor units. Raises SandboxError."""
    transfer = given.get("transfer_data") or {}
    _check_account(given.get("on_behalf_of"), param=_path(at, "on_behalf_of"))
    _check_account(transfer.get("destination"), param=_path(at, "transfer_data", "destination"))
    fees = {
        name: given[name]
        for name in ("application_fee_percent", "application_fee_amount")
        if given.get(name) not in {None, ""}
    }
    for name in fees:
        if not transfer.get("destination") and not engine.account:
            raise SandboxError(
                f"Can only apply an {name} when the PaymentIntent is attempting a direct payment"
                " (using an OAuth key or Stripe-Account header) or destination payment (using"
                " `transfer_data[destination]`).",
                param=_path(at, name),
            )
    for name, share in (("application_fee_percent", "amount_percent"), _AMOUNTS):
        if name in fees and transfer.get(share) is not None:
            raise SandboxError(
                f"You may only specify one of these parameters: {name}, transfer_data[{share}].",
                param=_path(at, name),
            )
    for values, name, path in (
        (given, "application_fee_percent", _path(at, "application_fee_percent")),
        (transfer, "amount_percent", _path(at, "transfer_data", "amount_percent")),
    ):
        if values.get(name) not in {None, ""}:
            _check_percent(values[name], param=path)
    for values, name, path in (
        (given, "application_fee_amount", _path(at, "application_fee_amount")),
        (transfer, "amount", _path(at, "transfer_data", "amount")),
    ):
        if values.get(name) not in {None, ""}:
            _check_amount(values[name], amount, param=path)


_AMOUNTS = ("application_fee_amount", "amount")


def _path(at: str, *names: str) -> str:
    first, *rest = (at, *names) if at else names
    return first + "".join(f"[{name}]" for name in rest)


def _check_account(account: str | None, *, param: str) -> None:
    if account and not _ACCOUNT.fullmatch(account):
        raise SandboxError(f"No such account: '{account}'", code="resource_missing", param=param)


def _check_percent(percent: float, *, param: str) -> None:
    number = Decimal(str(percent))
    if not 0 <= number <= 100:
        raise SandboxError("This value must be between 0 and 100.", param=param)
    if number != round(number, 2):
        raise SandboxError("This value has at most two decimal places.", param=param)


def _check_amount(part: int, amount: int | None, *, param: str) -> None:
    if part < 0:
        raise SandboxError(
            "This value must be greater than or equal to 0.",
            code="parameter_invalid_integer",
            param=param,
        )
    if amount is not None and part > amount:
        raise SandboxError("This value is larger than the payment.", param=param)


def of_invoice(engine: Engine, invoice: StripeObject) -> StripeObject:
    """What the payment intent of an invoice has of its subscription's split."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    subscription = engine.state.objects.get(details.get("subscription") or "")
    if subscription is None:
        return {}
    amount = invoice["amount_remaining"]
    values: StripeObject = {"on_behalf_of": subscription["on_behalf_of"]}
    if subscription["application_fee_percent"] is not None:
        values["application_fee_amount"] = _part(amount, subscription["application_fee_percent"])
    transfer = subscription["transfer_data"]
    if transfer:
        values["transfer_data"] = {"destination": transfer["destination"]}
        if transfer.get("amount_percent") is not None:
            values["transfer_data"]["amount"] = _part(amount, transfer["amount_percent"])
    return values


def _part(amount: int, percent: float) -> int:
    exact = Decimal(amount) * Decimal(str(percent)) / 100
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def shown(transfer: dict[str, Any] | None) -> StripeObject | None:
    """A subscription's `transfer_data` as Stripe shows it."""
    if not transfer:
        return None
    return {
        "amount_percent": transfer.get("amount_percent"),
        "destination": transfer["destination"],
    }


def of_phase(phase: StripeObject) -> StripeObject:
    """What a schedule's phase says of it, as parameters."""
    return {name: phase[name] for name in NAMES if phase[name] is not None}


def take(subscription: StripeObject, params: dict[str, Any]) -> None:
    """Set what an update, or a schedule's phase, says of it; '' unsets."""
    for name in NAMES:
        if name in params:
            value = None if params[name] == "" else params[name]
            subscription[name] = shown(value) if name == "transfer_data" else value
