"""Promotion codes. https://docs.stripe.com/api/promotion_codes"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .coupons import READABLE
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

_CODE = re.compile(r"[A-Za-z0-9-]{1,500}")


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    coupon = engine.state.get(
        "coupon", params["promotion"].get("coupon", ""), param="promotion[coupon]", status=400
    )
    if not coupon["valid"]:
        raise SandboxError("The coupon is no longer valid.", param="promotion[coupon]")
    if params.get("customer"):
        engine.state.get("customer", params["customer"], param="customer", status=400)
    code = params.get("code") or engine.state.new_id("", length=8, alphabet=READABLE)
    if not _CODE.fullmatch(code):
        raise SandboxError("A code has letters, digits and dashes only.", param="code")
    if find_active(engine, code) is not None:
        raise SandboxError(
            f"An active promotion code with `code: {code}` already exists.", param="code"
        )
    found = engine.state.add(_build(engine, params, code=code, coupon_id=coupon["id"]))
    if found["expires_at"]:
        if found["expires_at"] <= engine.now:
            raise SandboxError("expires_at must be in the future.", param="expires_at")
        engine.state.at(found["expires_at"], partial(_expire, engine, found), about=found["id"])
    engine.emit("promotion_code.created", found)
    return found


def _build(engine: Engine, params: dict[str, Any], *, code: str, coupon_id: str) -> StripeObject:
    given = params.get("restrictions") or {}
    return {
        "id": engine.state.new_id("promo_", length=24),
        "object": "promotion_code",
        "active": params.get("active", True),
        "code": code,
        "created": engine.now,
        "customer": params.get("customer"),
        "customer_account": None,
        "expires_at": params.get("expires_at"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merged({}, params.get("metadata", {})),
        "promotion": {"coupon": coupon_id, "type": "coupon"},
        "restrictions": {
            "first_time_transaction": given.get("first_time_transaction", False),
            "minimum_amount": given.get("minimum_amount"),
            "minimum_amount_currency": given.get("minimum_amount_currency"),
        },
        "times_redeemed": 0,
    }


def find_active(engine: Engine, code: str) -> StripeObject | None:
    """The active promotion code that customers type in; case does not matter."""
    for found in engine.state.all("promotion_code"):
        if found["active"] and found["code"].lower() == code.strip().lower():
            return found
    return None


def check(
    engine: Engine, found: StripeObject, *, customer_id: str | None, currency: str, amount: int
) -> None:
    """Whether this customer may use it for this amount. Raises SandboxError."""
    limits = found["restrictions"]
    if not found["active"]:
        raise SandboxError("This promotion code is no longer active.", code="coupon_expired")
    if found["customer"] not in {None, customer_id}:
        raise SandboxError("This promotion code is another customer's.")
    least = limits["minimum_amount"]
    if least is not None and (currency != limits["minimum_amount_currency"] or amount < least):
        raise SandboxError(
            f"This promotion code needs a purchase of at least {least}"
            f" {limits['minimum_amount_currency']}."
        )
    if limits["first_time_transaction"] and customer_id and _has_paid(engine, customer_id):
        raise SandboxError(
            "This promotion code cannot be redeemed because the associated customer has prior"
            " transactions."
        )


def _has_paid(engine: Engine, customer_id: str) -> bool:
    return any(
        intent["customer"] == customer_id and intent["status"] == "succeeded"
        for intent in engine.state.all("payment_intent")
    ) or any(
        invoice["customer"] == customer_id and invoice["amount_paid"]
        for invoice in engine.state.all("invoice")
    )


def redeem(engine: Engine, found: StripeObject) -> None:
    with engine.changing(found, "promotion_code.updated"):
        found["times_redeemed"] += 1
        most = found["max_redemptions"]
        if most is not None and found["times_redeemed"] >= most:
            found["active"] = False


def _expire(engine: Engine, found: StripeObject) -> None:
    with engine.changing(found, "promotion_code.updated"):
        found["active"] = False


def update(call: Call) -> StripeObject:
    found = retrieve(call)
    coupon = call.engine.state.objects.get(found["promotion"]["coupon"])
    if call.params.get("active") and (coupon is None or not coupon["valid"]):
        raise SandboxError("The coupon is no longer valid.", param="active")
    with call.engine.changing(found, "promotion_code.updated"):
        take(found, call.params, "active")
    return found


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("promotion_code", call.ids[0], called="promotion code")


def index(call: Call) -> StripeObject:
    wanted = call.params.get("code")
    coupon = call.params.get("coupon")
    rows = (
        found
        for found in call.engine.state.all("promotion_code")
        if equal(call.params, found, "active", "customer")
        and created_in(call.params, "created", found["created"])
        and (wanted is None or found["code"].lower() == wanted.lower())
        and (coupon is None or found["promotion"]["coupon"] == coupon)
    )
    return paginate(rows, call.params, url="/v1/promotion_codes")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/promotion_codes": index,
    "POST /v1/promotion_codes": create,
    "GET /v1/promotion_codes/{id}": retrieve,
    "POST /v1/promotion_codes/{id}": update,
}
