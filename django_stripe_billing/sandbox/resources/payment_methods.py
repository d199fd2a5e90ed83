"""Payment methods, test cards only. https://docs.stripe.com/testing"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, declined, missing
from ..lists import equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine

GOOD = "good"
DECLINED = "declined"
"""Declined when it is attached or charged."""
FAILS_LATER = "fails later"
"""Attaches, and is declined when it is charged."""

CARDS = {
    "visa": ("4242424242424242", "visa", GOOD),
    "visa_debit": ("4000056655665556", "visa", GOOD),
    "mastercard": ("5555555555554444", "mastercard", GOOD),
    "amex": ("378282246310005", "amex", GOOD),
    "us": ("4242424242424242", "visa", GOOD),
    "chargeDeclined": ("4000000000000002", "visa", DECLINED),
    "visa_chargeDeclined": ("4000000000000002", "visa", DECLINED),
    "chargeDeclinedInsufficientFunds": ("4000000000009995", "visa", DECLINED),
    "chargeCustomerFail": ("4000000000000341", "visa", FAILS_LATER),
}
"""Stripe's test cards by the name in `pm_card_…` and `tok_…`: number, brand, behaviour."""

NUMBERS = {number: name for name, (number, _, _) in reversed(CARDS.items())}


def create(call: Call) -> StripeObject:
    kind = call.params.get("type", "card")
    if kind != "card":
        raise SandboxError(f"The sandbox knows cards only, not {kind}.", param="type")
    card = call.params.get("card") or {}
    token = str(card.get("token", "")).removeprefix("tok_")
    number = str(card.get("number", "")).replace(" ", "")
    name = token or NUMBERS.get(number, "")
    if name not in CARDS:
        raise missing("token", str(card.get("token", "")), param="card[token]", status=400)
    return add(call.engine, name, params=call.params)


def add(engine: Engine, name: str, *, params: dict[str, Any] | None = None) -> StripeObject:
    """A new card; `name` as in CARDS."""
    params = params or {}
    number, brand, behaviour = CARDS[name]
    details = params.get("billing_details") or {}
    method = engine.state.add(
        {
            "id": engine.state.new_id("pm_", length=24),
            "object": "payment_method",
            "allow_redisplay": params.get("allow_redisplay", "unspecified"),
            "billing_details": {
                "address": {
                    key: (details.get("address") or {}).get(key)
                    for key in ("city", "country", "line1", "line2", "postal_code", "state")
                },
                "email": details.get("email"),
                "name": details.get("name"),
                "phone": details.get("phone"),
                "tax_id": details.get("tax_id"),
            },
            "card": {
                "brand": brand,
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": None,
                    "cvc_check": "pass",
                },
                "country": "US",
                "display_brand": brand,
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": f"sandbox{number[-4:]}",
                "funding": "credit",
                "generated_from": None,
                "last4": number[-4:],
                "networks": {"available": [brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": engine.now,
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "type": "card",
        }
    )
    engine.state.notes[method["id"]]["behaviour"] = behaviour
    return method


def resolve(engine: Engine, method_id: str, *, param: str) -> StripeObject:
    """A payment method by id; `pm_card_visa` and its like make a new one."""
    name = method_id.removeprefix("pm_card_")
    if method_id.startswith("pm_card_") and name in CARDS:
        return add(engine, name)
    return engine.state.get(
        "payment_method", method_id, param=param, status=400, called="PaymentMethod"
    )


def attach_to(
    engine: Engine, method: StripeObject, customer_id: str, *, param: str = "payment_method"
) -> None:
    """Attach a card to a customer. Raises SandboxError when it is declined or another's."""
    if method["customer"] not in {None, customer_id}:
        raise SandboxError(
            "The payment method you provided has already been attached to a customer.",
            param=param,
        )
    if engine.state.notes[method["id"]]["behaviour"] == DECLINED:
        raise declined()
    if method["customer"] is None:
        method["customer"] = customer_id
        engine.emit("payment_method.attached", method)


def is_charged(engine: Engine, method_id: str | None) -> bool:
    """Whether a charge of this card succeeds."""
    return method_id is not None and engine.state.notes[method_id].get("behaviour") == GOOD


def attach(call: Call) -> StripeObject:
    customer_id = call.params.get("customer", "")
    call.engine.state.get("customer", customer_id, param="customer", status=400)
    method = resolve(call.engine, call.ids[0], param="payment_method")
    attach_to(call.engine, method, customer_id)
    return method


def detach(call: Call) -> StripeObject:
    method = retrieve(call)
    with call.engine.changing(method, "payment_method.detached"):
        method["customer"] = None
    return method


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("payment_method", call.ids[0], called="PaymentMethod")


def index(call: Call) -> StripeObject:
    rows = (
        method
        for method in call.engine.state.all("payment_method")
        if equal(call.params, method, "customer", "type") and method["customer"] is not None
    )
    return paginate(rows, call.params, url="/v1/payment_methods")


def of_customer(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    rows = (
        method
        for method in call.engine.state.all("payment_method")
        if method["customer"] == customer["id"] and equal(call.params, method, "type")
    )
    url = f"/v1/customers/{customer['id']}/payment_methods"
    return paginate(rows, call.params, url=url)


OPERATIONS: dict[str, Operation] = {
    "GET /v1/payment_methods": index,
    "POST /v1/payment_methods": create,
    "GET /v1/payment_methods/{id}": retrieve,
    "POST /v1/payment_methods/{id}/attach": attach,
    "POST /v1/payment_methods/{id}/detach": detach,
    "GET /v1/customers/{id}/payment_methods": of_customer,
}
