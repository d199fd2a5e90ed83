"""Prices. https://docs.stripe.com/api/prices"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import price_currencies, price_tiers, products
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

_CURRENCY = re.compile(r"[a-z]{3}")


def create(call: Call) -> StripeObject:
    return add(call, call.params)


def add(call: Call, params: dict[str, Any]) -> StripeObject:
    """A new price of a product that exists, or of a new one from `product_data`."""
    state = call.engine.state
    if ("product" in params) == ("product_data" in params):
        raise SandboxError("Pass one of product and product_data.", param="product")
    if "product_data" in params:
        data = params["product_data"]
        product = products.build(call, data.get("id") or state.new_id("prod_"), data)
        state.add(product)
        call.engine.emit("product.created", product)
    else:
        product = state.get("product", params["product"], param="product", status=400)
    _check_currency(params, param="currency")
    _check_meter(call, params.get("recurring") or {})
    price = _build(call.engine, product["id"], params)
    _claim_lookup_key(call, price, params)
    state.add(price)
    call.engine.emit("price.created", price)
    return price


def inline(engine: Engine, data: dict[str, Any], *, at: str) -> StripeObject:
    """The price that `price_data` describes; `keep` keeps it. It can't be sold again.

    Raises SandboxError.
    """
    product = engine.state.get("product", data["product"], param=f"{at}[product]", status=400)
    _check_currency(data, param=f"{at}[currency]")
    return _build(engine, product["id"], {**data, "active": False})


def keep(engine: Engine, price: StripeObject) -> None:
    """Keep a price that was made inline, when it is billed; any other is kept already."""
    if price["id"] not in engine.state.objects:
        engine.state.add(price)
        engine.emit("price.created", price)


def _check_currency(params: dict[str, Any], *, param: str) -> None:
    if not _CURRENCY.fullmatch(params["currency"].lower()):
        raise SandboxError(f"Invalid currency: {params['currency']}", param=param)


def _check_meter(call: Call, recurring: dict[str, Any]) -> None:
    """Since basil a metered price names its meter, and no other price does."""
    is_metered = recurring.get("usage_type") == "metered"
    if is_metered and not recurring.get("meter"):
        raise SandboxError(
            "Since API version 2025-03-31.basil, metered prices must be backed by meters: pass"
            " recurring[meter].",
            code="parameter_missing",
            param="recurring[meter]",
        )
    if recurring.get("meter"):
        at = "recurring[meter]"
        meter = call.engine.state.get(
            "billing.meter", recurring["meter"], param=at, status=400, called="meter"
        )
        if not is_metered or meter["status"] != "active":
            raise SandboxError("Only metered prices have a meter, and an active one.", param=at)


def _build(engine: Engine, product_id: str, params: dict[str, Any]) -> StripeObject:
    recurring = params.get("recurring")
    tiers = price_tiers.read(params)
    amount, decimal = _amount(params)
    price_id = params.get("id") or engine.state.new_id("price_", length=24)
    if tiers is not None:
        price_tiers.keep(engine, price_id, params["currency"].lower(), tiers)
    _keep_options(engine, price_id, params)
    return {
        "id": price_id,
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "created": engine.now,
        "currency": params["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": params.get("lookup_key") or None,
        "metadata": merged({}, params.get("metadata", {})),
        "nickname": params.get("nickname") or None,
        "product": product_id,
        "recurring": None
        if recurring is None
        else {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": recurring.get("meter"),
            "trial_period_days": recurring.get("trial_period_days"),
            "usage_type": recurring.get("usage_type", "licensed"),
        },
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": decimal,
    }


def _keep_options(engine: Engine, price_id: str, params: dict[str, Any]) -> None:
    """What the price is in other currencies. Raises SandboxError."""
    options = {}
    for currency, given in (params.get("currency_options") or {}).items():
        wanted = {**params, **given, "currency": currency}
        if "unit_amount" in given:
            wanted.pop("unit_amount_decimal", None)
        tiers = price_tiers.read(wanted)
        if tiers is not None:
            price_tiers.keep(engine, price_id, currency, tiers)
        amount, decimal = _amount(wanted)
        options[currency] = {
            "custom_unit_amount": None,
            "tax_behavior": wanted.get("tax_behavior", "unspecified"),
            "unit_amount": amount,
            "unit_amount_decimal": decimal,
        }
    price_currencies.keep(engine, price_id, options)


def _amount(params: dict[str, Any]) -> tuple[int | None, str | None]:
    if params.get("billing_scheme") == "tiered":
        return None, None
    if "unit_amount_decimal" in params:
        decimal = params["unit_amount_decimal"]
        return (int(decimal) if decimal.isdigit() else None), decimal
    if "unit_amount" not in params:
        raise SandboxError(
            "Pass unit_amount or unit_amount_decimal.",
            code="parameter_missing",
            param="unit_amount",
        )
    if params["unit_amount"] < 0:
        raise SandboxError(
            "Invalid non-negative integer",
            code="parameter_invalid_integer",
            param="unit_amount",
        )
    return params["unit_amount"], str(params["unit_amount"])


def _claim_lookup_key(call: Call, price: StripeObject, params: dict[str, Any]) -> None:
    key = price["lookup_key"]
    if not key:
        return
    if len(key) > 200:
        raise SandboxError("Lookup keys have at most 200 characters.", param="lookup_key")
    for other in call.engine.state.all("price"):
        if other["lookup_key"] != key or other is price:
            continue
        if not params.get("transfer_lookup_key"):
            raise SandboxError(
                f"A price (`{other['id']}`) already uses that lookup key.", param="lookup_key"
            )
        with call.engine.changing(other, "price.updated"):
            other["lookup_key"] = None


def update(call: Call) -> StripeObject:
    price = call.engine.state.get("price", call.ids[0])
    with call.engine.changing(price, "price.updated"):
        wanted = call.params.get("lookup_key")
        if wanted and wanted != price["lookup_key"]:
            _claim_lookup_key(call, {**price, "lookup_key": wanted}, call.params)
        _keep_options(
            call.engine,
            price["id"],
            {
                "billing_scheme": price["billing_scheme"],
                "tiers_mode": price["tiers_mode"],
                "currency_options": call.params.get("currency_options"),
            },
        )
        take(price, call.params, "active", "lookup_key", "nickname", "tax_behavior")
    return price


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("price", call.ids[0])


def index(call: Call) -> StripeObject:
    keys = call.params.get("lookup_keys")
    wanted = call.params.get("recurring")
    rows = (
        price
        for price in call.engine.state.all("price")
        if equal(call.params, price, "active", "currency", "product", "type")
        and created_in(call.params, "created", price["created"])
        and (keys is None or price["lookup_key"] in keys)
        and (wanted is None or equal(wanted, price["recurring"] or {}, *wanted))
    )
    return paginate(rows, call.params, url="/v1/prices")


def plan_of(price: StripeObject) -> StripeObject:
    """The deprecated plan that a recurring price also is."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


OPERATIONS: dict[str, Operation] = {
    "GET /v1/prices": index,
    "POST /v1/prices": create,
    "GET /v1/prices/{id}": retrieve,
    "POST /v1/prices/{id}": update,
}
