"""What is sold in a Checkout Session: its lines, their discounts, its totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..discounts import Line, discount_amounts
from ..errors import SandboxError
from ..routes import Call
from ..state import StripeObject
from . import discounts, price_currencies, price_tiers, prices, tax_rates

if TYPE_CHECKING:
    from ..engine import Engine

MOST_LINES = {"payment": 100, "subscription": 40}
MOST_OPTIONAL = 10
LARGEST_QUANTITY = 999_999
ADJUSTABLE_MAXIMUM = 99


def read(call: Call, mode: str) -> list[StripeObject]:
    """The lines of a create request. Raises SandboxError."""
    given = call.params.get("line_items") or []
    if not given:
        raise SandboxError(
            "Missing required param: line_items.", code="parameter_missing", param="line_items"
        )
    if len(given) > MOST_LINES[mode]:
        raise SandboxError(f"There are at most {MOST_LINES[mode]} line items.", param="line_items")
    data = call.params.get("subscription_data") or {}
    name = "default_tax_rates"
    tax_rates.named(call.engine, data.get(name), param=f"subscription_data[{name}]")
    lines = [_line(call, entry, at=f"line_items[{n}]") for n, entry in enumerate(given)]
    asked: str = call.params.get("currency") or ""
    for index, line in enumerate(lines if asked else []):
        line["currency"] = asked.lower()
        at = f"line_items[{index}][price]"
        price_currencies.of(call.engine, line["price"], line["currency"], param=at)
    recurs = any(line["price"]["type"] == "recurring" for line in lines)
    if recurs is not (mode == "subscription"):
        raise SandboxError(
            "You must use `subscription` mode with recurring prices, and `payment` mode without.",
            param="mode",
        )
    if len({line["currency"] for line in lines}) > 1:
        raise SandboxError("All line items have one currency.", param="line_items")
    return lines


def _line(call: Call, entry: dict[str, Any], *, at: str) -> StripeObject:
    engine = call.engine
    if ("price" in entry) == ("price_data" in entry):
        raise SandboxError("Pass one of price and price_data.", param=f"{at}[price]")
    if "price_data" in entry:
        price = prices.add(call, entry["price_data"])
    else:
        price = _price(engine, entry["price"], at=at)
    quantity = entry.get("quantity")
    is_metered = (price["recurring"] or {}).get("usage_type") == "metered"
    if quantity is None and not is_metered:
        raise SandboxError(
            "Quantity is required. Add `quantity` to the line item.", param=f"{at}[quantity]"
        )
    if quantity is not None:
        _check_quantity(quantity, param=f"{at}[quantity]")
    rates = tax_rates.named(engine, entry.get("tax_rates"), param=f"{at}[tax_rates]")
    adjustable = entry.get("adjustable_quantity")
    line = line_item(engine, price, quantity, adjustable=_bounds(adjustable))
    engine.state.notes[line["id"]]["tax_rates"] = tuple(rate["id"] for rate in rates)
    return line


def _price(engine: Engine, price_id: str, *, at: str) -> StripeObject:
    price = engine.state.get("price", price_id, param=f"{at}[price]", status=400)
    if not price["active"]:
        raise SandboxError(f"The price specified is inactive: {price['id']}", param=f"{at}[price]")
    return price


def _check_quantity(quantity: int, *, param: str) -> None:
    if not 1 <= quantity <= LARGEST_QUANTITY:
        raise SandboxError(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=param,
        )


def _bounds(given: dict[str, Any] | None) -> StripeObject | None:
    if not given or not given["enabled"]:
        return None
    return {
        "enabled": True,
        "maximum": given.get("maximum", ADJUSTABLE_MAXIMUM),
        "minimum": given.get("minimum", 0),
    }


def line_item(
    engine: Engine,
    price: StripeObject,
    quantity: int | None,
    *,
    adjustable: StripeObject | None = None,
) -> StripeObject:
    return {
        "id": engine.state.new_id("li_", length=24),
        "object": "item",
        "adjustable_quantity": adjustable,
        "amount_discount": 0,
        "amount_subtotal": 0,
        "amount_tax": 0,
        "amount_total": 0,
        "currency": price["currency"],
        "description": engine.state.objects[price["product"]]["name"],
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def read_optional(engine: Engine, params: dict[str, Any]) -> list[StripeObject]:
    """`optional_items`: what the customer may add on the page. Raises SandboxError."""
    given = params.get("optional_items") or []
    if len(given) > MOST_OPTIONAL:
        raise SandboxError(
            f"There are at most {MOST_OPTIONAL} optional items.", param="optional_items"
        )
    found = []
    for index, entry in enumerate(given):
        at = f"optional_items[{index}]"
        _price(engine, entry["price"], at=at)
        _check_quantity(entry["quantity"], param=f"{at}[quantity]")
        found.append(
            {
                "adjustable_quantity": _bounds(entry.get("adjustable_quantity")),
                "price": entry["price"],
                "quantity": entry["quantity"],
            }
        )
    return found


def change(
    engine: Engine,
    session: StripeObject,
    *,
    quantities: dict[str, int] | None = None,
    optional: set[str] | None = None,
) -> None:
    """What the customer changes on the page: quantities by line id, optional items by price id.

    Raises SandboxError for a line that is not adjustable, or a quantity out of its bounds.
    """
    lines: list[StripeObject] = engine.state.notes[session["id"]]["lines"]
    for line in list(lines):
        wanted = (quantities or {}).get(line["id"])
        if wanted is None or wanted == line["quantity"]:
            continue
        bounds = line["adjustable_quantity"]
        if bounds is None or not bounds["minimum"] <= wanted <= bounds["maximum"]:
            raise SandboxError("This quantity is not to be had.", param="quantity")
        if wanted == 0 and len(lines) > 1:
            lines.remove(line)
        else:
            _check_quantity(wanted, param="quantity")
            line["quantity"] = wanted
    if optional is not None:
        _choose(engine, session, lines, optional)
    compute(engine, session)


def _choose(
    engine: Engine, session: StripeObject, lines: list[StripeObject], optional: set[str]
) -> None:
    chosen: dict[str, StripeObject] = engine.state.notes[session["id"]].setdefault("chosen", {})
    for entry in session.get("optional_items") or []:
        price_id = entry["price"]
        if price_id in optional and price_id not in chosen:
            price = engine.state.objects[price_id]
            bounds = entry["adjustable_quantity"]
            chosen[price_id] = line_item(engine, price, entry["quantity"], adjustable=bounds)
            lines.append(chosen[price_id])
        elif price_id not in optional and price_id in chosen:
            dropped = chosen.pop(price_id)["id"]
            lines[:] = [line for line in lines if line["id"] != dropped]


def compute(engine: Engine, session: StripeObject) -> None:
    """Set the amounts of a session and its lines by their prices, quantities and discounts."""
    notes = engine.state.notes[session["id"]]
    lines: list[StripeObject] = notes["lines"]
    for line in lines:
        line["amount_subtotal"] = _due_today(engine, line, notes["params"])
    found = notes.get("discount")
    taken = [0] * len(lines)
    if found is not None:
        (taken,) = discount_amounts(
            [Line(amount=row["amount_subtotal"], product=row["price"]["product"]) for row in lines],
            [discounts.calculation(engine, found[0])],
        )
    for line, off in zip(lines, taken, strict=True):
        net = line["amount_subtotal"] - off
        taxes = _taxes(engine, session, line, net)
        line["amount_discount"], line["amount_total"] = off, net
        line["amount_tax"] = sum(tax["amount"] for tax in taxes)
        for tax in taxes:
            line["amount_total"] += tax["amount"] * (tax["tax_behavior"] == "exclusive")
    session["amount_subtotal"] = sum(line["amount_subtotal"] for line in lines)
    session["amount_total"] = sum(line["amount_total"] for line in lines)
    session["total_details"]["amount_discount"] = sum(taken)
    session["total_details"]["amount_tax"] = sum(line["amount_tax"] for line in lines)


def _taxes(
    engine: Engine, session: StripeObject, line: StripeObject, amount: int
) -> list[StripeObject]:
    state, params = engine.state, engine.state.notes[session["id"]]["params"]
    default = (params.get("subscription_data") or {}).get("default_tax_rates") or []
    rates = [state.objects[one] for one in rates_of(engine, line) or default]
    customer = state.objects.get(session["customer"] or "") or {"tax_exempt": "none"}
    exemption = tax_rates.EXEMPTIONS.get(customer["tax_exempt"])
    return tax_rates.of_amount(amount, rates, exemption=exemption)


def rates_of(engine: Engine, line: StripeObject) -> tuple[str, ...]:
    """The ids of a line's own tax rates."""
    found: tuple[str, ...] = engine.state.notes.get(line["id"], {}).get("tax_rates", ())
    return found


def _due_today(engine: Engine, line: StripeObject, params: dict[str, Any]) -> int:
    data = params.get("subscription_data") or {}
    is_trial = "trial_period_days" in data or "trial_end" in data
    if is_trial and line["price"]["type"] == "recurring":
        return 0
    price = price_currencies.of(engine, line["price"], line["currency"])
    return price_tiers.cost(engine, price, line["quantity"])


def set_discount(engine: Engine, session: StripeObject, given: dict[str, Any]) -> None:
    """Take a coupon or promotion code into account; {} takes it away. Raises SandboxError."""
    notes = engine.state.notes[session["id"]]
    if not given:
        notes.pop("discount", None)
        session["discounts"] = []
    else:
        coupon, promotion = found = discounts.source(
            engine,
            given,
            customer_id=session["customer"],
            currency=session["currency"],
            amount=session["amount_subtotal"],
        )
        notes["discount"] = found
        session["discounts"] = [
            {"coupon": coupon["id"], "promotion_code": None}
            if promotion is None
            else {"coupon": None, "promotion_code": promotion["id"]}
        ]
    compute(engine, session)
