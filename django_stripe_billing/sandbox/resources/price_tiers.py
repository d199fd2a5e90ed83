"""Prices in tiers: the unit costs more or less the more of it is bought.

https://docs.stripe.com/products-prices/pricing-models#tiered-pricing
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .. import amounts
from ..errors import SandboxError
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine

AMOUNTS = ("flat_amount", "unit_amount")


def read(params: dict[str, Any]) -> list[StripeObject] | None:
    """The tiers of a new price; None without. Raises SandboxError."""
    given = params.get("tiers")
    if params.get("billing_scheme") != "tiered":
        if given or params.get("tiers_mode"):
            raise SandboxError("Tiers are for billing_scheme=tiered only.", param="tiers")
        return None
    for name in ("tiers", "tiers_mode"):
        if not params.get(name):
            raise SandboxError(
                f"Missing required param: {name}.", code="parameter_missing", param=name
            )
    if "unit_amount" in params or "unit_amount_decimal" in params:
        raise SandboxError(
            "unit_amount can't be used with billing_scheme=tiered.", param="unit_amount"
        )
    found = [_tier(entry, at=f"tiers[{index}]") for index, entry in enumerate(given or [])]
    bounds = [tier["up_to"] for tier in found]
    if bounds[-1] is not None or None in bounds[:-1]:
        raise SandboxError("The last tier, and no other, is up_to=inf.", param="tiers")
    if bounds[:-1] != sorted(set(bounds[:-1])):
        raise SandboxError("Each tier is up to more than the one before.", param="tiers")
    return found


def _tier(entry: dict[str, Any], *, at: str) -> StripeObject:
    tier: StripeObject = {"up_to": None if entry["up_to"] == "inf" else entry["up_to"]}
    for name in AMOUNTS:
        exact = entry.get(f"{name}_decimal", entry.get(name))
        is_whole = exact is not None and Decimal(exact) == int(Decimal(exact))
        tier[name] = int(Decimal(exact)) if is_whole and exact is not None else None
        tier[f"{name}_decimal"] = None if exact is None else str(exact)
    if all(tier[f"{name}_decimal"] is None for name in AMOUNTS):
        raise SandboxError("A tier has a flat amount or a unit amount.", param=at)
    return tier


def of_price(engine: Engine, price: StripeObject) -> list[StripeObject] | None:
    """What a price shows as `tiers` when that is expanded."""
    held = engine.state.notes[price["id"]].get("tiers", {})
    found: list[StripeObject] | None = held.get(price["currency"])
    return found


def keep(engine: Engine, price_id: str, currency: str, tiers: list[StripeObject]) -> None:
    """Remember a price's tiers in a currency."""
    engine.state.notes[price_id].setdefault("tiers", {})[currency] = tiers


def cost(engine: Engine, price: StripeObject, quantity: int | Decimal | None) -> int:
    """What a quantity of a price costs for one whole period, in tiers or not."""
    tiers = of_price(engine, price)
    if tiers is None or quantity is None:
        return amounts.of(price, quantity)
    if price["tiers_mode"] == "volume":
        return amounts.of_volume(tiers, quantity)
    return amounts.of_graduated(tiers, quantity)
