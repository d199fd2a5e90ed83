"""A customer's tax ids, which test values verify. https://docs.stripe.com/api/tax_ids"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, missing
from ..lists import paginate
from ..routes import Call, Operation
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "tax_id"
VERIFIED = {"eu_vat", "gb_vat", "au_abn"}
"""The types that Stripe asks a register about."""
VERDICTS = {"000000000": "verified", "111111111": "unverified", "222222222": "pending"}
"""By the digits of a value. https://docs.stripe.com/billing/customer/tax-ids#validation"""
MOST = 5


def create(call: Call) -> StripeObject:
    return add(call.engine, call.ids[0], call.params)


def add(engine: Engine, customer_id: str, params: dict[str, Any]) -> StripeObject:
    """A new tax id of a customer. Raises SandboxError."""
    customer = engine.state.get("customer", customer_id)
    held = of_customer(engine, customer)["data"]
    if len(held) >= MOST:
        raise SandboxError(f"A customer has at most {MOST} tax ids.")
    value = "".join(params["value"].split())
    if len(value) < 4 or not value.replace("-", "").replace(".", "").isalnum():
        raise SandboxError(
            f"Invalid value for {params['type']}.", code="tax_id_invalid", param="value"
        )
    found = engine.state.add(
        {
            "id": engine.state.new_id("txi_", length=24),
            "object": KIND,
            "country": _country(params["type"], value),
            "created": engine.now,
            "customer": customer_id,
            "customer_account": None,
            "livemode": False,
            "owner": {"customer": customer_id, "customer_account": None, "type": "customer"},
            "type": params["type"],
            "value": value,
            "verification": _verification(params["type"], value),
        }
    )
    engine.emit("customer.tax_id.created", found)
    return found


def _country(kind: str, value: str) -> str | None:
    if kind == "eu_vat":
        return "GR" if value[:2] == "EL" else value[:2].upper()
    prefix = kind.partition("_")[0]
    return prefix.upper() if len(prefix) == 2 else None


def _verification(kind: str, value: str) -> StripeObject:
    status = "unavailable"
    if kind in VERIFIED:
        status = VERDICTS.get("".join(filter(str.isdigit, value)), "pending")
    is_verified = status == "verified"
    return {
        "status": status,
        "verified_address": "123 TEST STREET" if is_verified else None,
        "verified_name": "TEST" if is_verified else None,
    }


def retrieve(call: Call) -> StripeObject:
    found = call.engine.state.get(KIND, call.ids[1], called=KIND)
    if found["customer"] != call.ids[0]:
        raise missing(KIND, call.ids[1])
    return found


def delete(call: Call) -> StripeObject:
    found = retrieve(call)
    call.engine.state.remove(found)
    call.engine.emit("customer.tax_id.deleted", found)
    return {"id": found["id"], "object": KIND, "deleted": True}


def index(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    return of_customer(call.engine, customer, call.params)


def of_customer(
    engine: Engine, customer: StripeObject, params: dict[str, Any] | None = None
) -> StripeObject:
    """The list that a customer shows when `tax_ids` is expanded."""
    rows = (row for row in engine.state.all(KIND) if row["customer"] == customer["id"])
    return paginate(rows, params or {}, url=f"/v1/customers/{customer['id']}/tax_ids")


def for_invoice(engine: Engine, customer: StripeObject) -> list[StripeObject]:
    """What an invoice says of them."""
    rows = of_customer(engine, customer)["data"]
    return [{"type": row["type"], "value": row["value"]} for row in reversed(rows)]


OPERATIONS: dict[str, Operation] = {
    "GET /v1/customers/{id}/tax_ids": index,
    "POST /v1/customers/{id}/tax_ids": create,
    "GET /v1/customers/{id}/tax_ids/{id}": retrieve,
    "DELETE /v1/customers/{id}/tax_ids/{id}": delete,
}
