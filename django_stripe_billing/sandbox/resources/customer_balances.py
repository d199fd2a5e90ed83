"""The credit balance of a customer. https://docs.stripe.com/billing/customer/balance"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SandboxError, missing
from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "customer_balance_transaction"


def record(
    engine: Engine,
    customer: StripeObject,
    amount: int,
    *,
    currency: str,
    kind: str = "adjustment",
    invoice_id: str | None = None,
    params: dict[str, Any] | None = None,
) -> StripeObject:
    """Change the balance; a negative amount is credit. The caller tells of the customer."""
    params = params or {}
    customer["balance"] += amount
    return engine.state.add(
        {
            "id": engine.state.new_id("cbtxn_", length=24),
            "object": KIND,
            "amount": amount,
            "checkout_session": None,
            "created": engine.now,
            "credit_note": None,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": params.get("description"),
            "ending_balance": customer["balance"],
            "invoice": invoice_id,
            "livemode": False,
            "metadata": merged({}, params.get("metadata", {})),
            "type": kind,
        }
    )


def apply_to_invoice(engine: Engine, invoice: StripeObject) -> None:
    """Use the balance for an invoice that is finalized; a negative total becomes credit."""
    customer = engine.state.objects[invoice["customer"]]
    before = customer["balance"]
    after = min(0, invoice["total"] + before)
    invoice["starting_balance"], invoice["ending_balance"] = before, after
    _move(engine, customer, invoice, after - before, kind="applied_to_invoice")


def take_back_from_invoice(engine: Engine, invoice: StripeObject) -> None:
    """A voided invoice gives back the credit that it used."""
    customer = engine.state.objects.get(invoice["customer"])
    if customer is not None:
        used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
        _move(engine, customer, invoice, -used, kind="unapplied_from_invoice")


def _move(
    engine: Engine, customer: StripeObject, invoice: StripeObject, amount: int, *, kind: str
) -> None:
    if amount:
        with engine.changing(customer, "customer.updated"):
            record(
                engine,
                customer,
                amount,
                currency=invoice["currency"],
                kind=kind,
                invoice_id=invoice["id"],
            )


def create(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    currency = call.params["currency"].lower()
    if customer["currency"] not in {None, currency}:
        raise SandboxError(f"This customer's currency is {customer['currency']}.", param="currency")
    with call.engine.changing(customer, "customer.updated"):
        customer["currency"] = currency
        return record(
            call.engine, customer, call.params["amount"], currency=currency, params=call.params
        )


def _find(call: Call) -> StripeObject:
    found = call.engine.state.get(KIND, call.ids[1])
    if found["customer"] != call.ids[0]:
        raise missing(KIND, call.ids[1])
    return found


def update(call: Call) -> StripeObject:
    found = _find(call)
    take(found, call.params, "description")
    return found


def index(call: Call) -> StripeObject:
    customer = call.engine.state.get("customer", call.ids[0])
    rows = (
        entry
        for entry in call.engine.state.all(KIND)
        if entry["customer"] == customer["id"]
        and equal(call.params, entry, "invoice")
        and created_in(call.params, "created", entry["created"])
    )
    url = f"/v1/customers/{customer['id']}/balance_transactions"
    return paginate(rows, call.params, url=url)


OPERATIONS: dict[str, Operation] = {
    "GET /v1/customers/{id}/balance_transactions": index,
    "POST /v1/customers/{id}/balance_transactions": create,
    "GET /v1/customers/{id}/balance_transactions/{id}": _find,
    "POST /v1/customers/{id}/balance_transactions/{id}": update,
}
