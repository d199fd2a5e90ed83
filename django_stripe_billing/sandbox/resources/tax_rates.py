"""Tax rates, and what they take from an invoice's lines. https://docs.stripe.com/api/tax_rates

Rates of a line come first, then those of its invoice. The customer's own exemption holds for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "tax_rate"
FIELDS = (
    "active",
    "country",
    "description",
    "display_name",
    "jurisdiction",
    "state",
    "tax_type",
)
EXEMPTIONS = {"exempt": "customer_exempt", "reverse": "reverse_charge"}


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    percentage = params["percentage"]
    if not 0 <= percentage <= 100:
        raise SandboxError("percentage is between 0 and 100.", param="percentage")
    rate = engine.state.add(
        {
            "id": engine.state.new_id("txr_", length=24),
            "object": KIND,
            "created": engine.now,
            "effective_percentage": None,
            "flat_amount": None,
            "inclusive": params["inclusive"],
            "jurisdiction_level": None,
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "percentage": int(percentage) if percentage == int(percentage) else percentage,
            "rate_type": "percentage",
            **dict.fromkeys(FIELDS),
            "active": True,
        }
    )
    take(rate, {name: params[name] for name in FIELDS if name in params}, *FIELDS)
    engine.emit("tax_rate.created", rate)
    return rate


def update(call: Call) -> StripeObject:
    rate = retrieve(call)
    with call.engine.changing(rate, "tax_rate.updated"):
        take(rate, call.params, *FIELDS)
    return rate


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get(KIND, call.ids[0])


def index(call: Call) -> StripeObject:
    rows = (
        rate
        for rate in call.engine.state.all(KIND)
        if equal(call.params, rate, "active", "inclusive")
        and created_in(call.params, "created", rate["created"])
    )
    return paginate(rows, call.params, url="/v1/tax_rates")


def named(engine: Engine, given: Any, *, param: str) -> list[StripeObject]:
    """The rates of these ids. Raises SandboxError."""
    return [engine.state.get(KIND, one, param=param, status=400) for one in given or []]


def of_line(engine: Engine, invoice: StripeObject, line: StripeObject) -> list[StripeObject]:
    """A line's `taxes`, after its discounts."""
    own = engine.state.notes.get(line["id"], {}).get("tax_rates", ())
    rates = [engine.state.objects[one] for one in own] or invoice["default_tax_rates"]
    off = sum(entry["amount"] for entry in line["discount_amounts"])
    exemption = EXEMPTIONS.get(invoice["customer_tax_exempt"])
    return of_amount(line["amount"] - off, rates, exemption=exemption)


def of_amount(
    amount: int, rates: Sequence[StripeObject], *, exemption: str | None
) -> list[StripeObject]:
    """What these rates take from an amount; `exemption` is the reason for which it is nothing."""
    base = Decimal(amount)
    included = 100 + sum(Decimal(str(rate["percentage"])) for rate in rates if rate["inclusive"])
    found = []
    for rate in rates:
        whole = included if rate["inclusive"] else 100
        exact = base * Decimal(str(rate["percentage"])) / whole
        found.append(
            {
                "amount": 0 if exemption else _cents(exact),
                "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
                "tax_rate_details": {"tax_rate": rate["id"]},
                "taxability_reason": exemption or "not_available",
                "taxable_amount": _cents(base * 100 / whole),
                "type": "tax_rate_details",
            }
        )
    return found


def _cents(exact: Decimal) -> int:
    return int(exact.to_integral_value(ROUND_HALF_UP))


def total(lines: Iterable[StripeObject]) -> list[StripeObject]:
    """An invoice's `total_taxes`: each rate once."""
    found: dict[tuple[str, str], StripeObject] = {}
    for entry in (entry for line in lines for entry in line["taxes"]):
        key = entry["tax_rate_details"]["tax_rate"], entry["taxability_reason"]
        if key not in found:
            found[key] = {**entry, "amount": 0, "taxable_amount": 0}
        for name in ("amount", "taxable_amount"):
            found[key][name] += entry[name]
    return list(found.values())


OPERATIONS: dict[str, Operation] = {
    "GET /v1/tax_rates": index,
    "POST /v1/tax_rates": create,
    "GET /v1/tax_rates/{id}": retrieve,
    "POST /v1/tax_rates/{id}": update,
}
