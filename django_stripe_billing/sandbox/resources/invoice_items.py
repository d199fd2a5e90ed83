"""Invoice items: amounts that wait for the customer's next invoice.

https://docs.stripe.com/api/invoiceitems
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .. import amounts
from ..errors import SandboxError
from ..lists import created_in, equal, is_shown, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import billables, invoice_object
from .billables import Billable
from .metadata import merged, take

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "invoiceitem"


def add(
    engine: Engine, customer_id: str, billable: Billable, *, invoice_id: str | None = None
) -> StripeObject:
    """A new item; without an invoice it waits for the next one."""
    entry = engine.state.add(
        {
            "id": engine.state.new_id("ii_", length=24),
            "object": KIND,
            "amount": billable.amount,
            "currency": billable.currency,
            "customer": customer_id,
            "customer_account": None,
            "date": engine.now,
            "description": billable.description,
            "discountable": billable.is_discountable,
            "discounts": [],
            "invoice": invoice_id,
            "livemode": False,
            "metadata": dict(billable.metadata),
            "net_amount": None if billable.is_discountable else billable.amount,
            "parent": _parent(billable),
            "period": {"end": billable.end, "start": billable.start},
            "pricing": billables.pricing(billable),
            "proration": billable.is_proration,
            "quantity": billable.quantity,
            "quantity_decimal": None if billable.quantity is None else str(billable.quantity),
            "tax_rates": [],
            "test_clock": None,
        }
    )
    if invoice_id is None:
        engine.state.notes[customer_id].setdefault("pending_items", []).append(entry["id"])
    engine.emit("invoiceitem.created", entry)
    return entry


def _parent(billable: Billable) -> StripeObject | None:
    if billable.subscription is None:
        return None
    details = {"subscription": billable.subscription}
    if billable.subscription_item is not None:
        details["subscription_item"] = billable.subscription_item
    return {"subscription_details": details, "type": "subscription_details"}


def pending(
    engine: Engine,
    customer_id: str,
    *,
    subscription_id: str | None,
    currency: str,
    with_loose: bool = True,
) -> list[StripeObject]:
    """What waits for an invoice of this subscription, oldest first.

    `with_loose` takes the customer's items, too, that belong to no subscription.
    """
    ids = engine.state.notes[customer_id].get("pending_items", [])
    found = []
    for entry in (engine.state.objects[item_id] for item_id in ids):
        details = (entry["parent"] or {}).get("subscription_details") or {}
        belongs = details.get("subscription")
        if entry["currency"] == currency and (
            (with_loose and belongs is None) or (belongs is not None and belongs == subscription_id)
        ):
            found.append(entry)
    return found


def take_up(engine: Engine, entries: Iterable[StripeObject], invoice_id: str) -> None:
    """The items stand in an invoice now."""
    for entry in entries:
        entry["invoice"] = invoice_id
        _forget_pending(engine, entry)


def release(engine: Engine, entry: StripeObject) -> None:
    """The item's draft is gone: it waits for another invoice."""
    entry["invoice"] = None
    engine.state.notes[entry["customer"]].setdefault("pending_items", []).append(entry["id"])


def _forget_pending(engine: Engine, entry: StripeObject) -> None:
    held = engine.state.notes[entry["customer"]].get("pending_items", [])
    if entry["id"] in held:
        held.remove(entry["id"])


def read(engine: Engine, params: dict[str, Any], *, currency: str) -> Billable:
    """What a request's parameters describe. Raises SandboxError."""
    quantity = params.get("quantity", 1)
    period = params.get("period") or {"start": engine.now, "end": engine.now}
    price_id = (params.get("pricing") or {}).get("price") or params.get("price")
    price = None
    if price_id:
        price = engine.state.get("price", price_id, param="pricing[price]", status=400)
        if price["type"] != "one_time":
            raise SandboxError(
                "The price specified is set to `type=recurring` but this field only accepts prices"
                " with `type=one_time`.",
                param="pricing[price]",
            )
        amount, currency = amounts.of(price, quantity), price["currency"]
    elif "unit_amount_decimal" in params:
        amount = amounts.of({"unit_amount_decimal": params["unit_amount_decimal"]}, quantity)
    elif "amount" in params:
        amount = params["amount"]
    else:
        raise SandboxError(
            "One of amount, unit_amount_decimal and pricing is required.",
            code="parameter_missing",
            param="amount",
        )
    return Billable(
        amount=amount,
        currency=currency,
        description=params.get("description"),
        start=period["start"],
        end=period["end"],
        quantity=quantity,
        price=price,
        subscription=params.get("subscription"),
        is_discountable=params.get("discountable", amount >= 0),
        metadata=merged({}, params.get("metadata", {})),
    )


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    state = engine.state
    invoice = None
    if "invoice" in params:
        invoice = state.get("invoice", params["invoice"], param="invoice", status=400)
        if invoice["status"] != "draft":
            raise SandboxError("Invoice items can be added to a draft invoice only.")
    customer_id = params.get("customer") or (invoice or {}).get("customer", "")
    customer = state.get("customer", customer_id, param="customer", status=400)
    if "subscription" in params:
        state.get("subscription", params["subscription"], param="subscription", status=400)
    currency = (params.get("currency") or customer["currency"] or "usd").lower()
    billable = read(engine, params, currency=currency)
    if customer["currency"] not in {None, billable.currency}:
        raise SandboxError(
            f"You cannot combine currencies on a single customer: this one has"
            f" {customer['currency']}.",
            param="currency",
        )
    if invoice is None:
        return add(engine, customer["id"], billable)
    entry = add(engine, customer["id"], billable, invoice_id=invoice["id"])
    with engine.changing(invoice, "invoice.updated"):
        content = [billables.of_invoice_item(engine, entry)]
        invoice_object.add_lines(engine, invoice, content)
        invoice_object.add_up(invoice, balance=customer["balance"])
    return entry


def _changeable(call: Call) -> StripeObject:
    entry = retrieve(call)
    held = call.engine.state.objects.get(entry["invoice"] or "")
    if held is not None and held["status"] != "draft":
        raise SandboxError("This invoice item stands in an invoice that is finalized.")
    return entry


def _replace_line(call: Call, entry: StripeObject, content: list[Billable]) -> None:
    invoice = call.engine.state.objects.get(entry["invoice"] or "")
    if invoice is None:
        return
    customer = call.engine.state.objects[entry["customer"]]
    with call.engine.changing(invoice, "invoice.updated"):
        invoice["lines"]["data"] = [
            line
            for line in invoice["lines"]["data"]
            if (
                line["parent"]["invoice_item_details"]
                or line["parent"]["subscription_item_details"]
            )["invoice_item"]
            != entry["id"]
        ]
        invoice_object.add_lines(call.engine, invoice, content)
        invoice_object.add_up(invoice, balance=customer["balance"])


def update(call: Call) -> StripeObject:
    entry = _changeable(call)
    take(entry, call.params, "description", "discountable")
    if "quantity" in call.params or "amount" in call.params or "unit_amount_decimal" in call.params:
        quantity = call.params.get("quantity", entry["quantity"])
        unit = call.params.get("unit_amount_decimal") or entry["pricing"]["unit_amount_decimal"]
        entry["amount"] = call.params.get(
            "amount", amounts.of({"unit_amount_decimal": unit}, quantity)
        )
        entry["quantity"], entry["quantity_decimal"] = quantity, str(quantity)
    _replace_line(call, entry, [billables.of_invoice_item(call.engine, entry)])
    return entry


def delete(call: Call) -> StripeObject:
    entry = _changeable(call)
    answer = {"id": entry["id"], "object": KIND, "deleted": True}
    _forget_pending(call.engine, entry)
    _replace_line(call, entry, [])
    call.engine.state.remove(entry)
    call.engine.emit("invoiceitem.deleted", entry)
    return answer


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get(KIND, call.ids[0], called="invoiceitem")


def index(call: Call) -> StripeObject:
    rows = (
        entry
        for entry in call.engine.state.all(KIND)
        if equal(call.params, entry, "customer", "invoice")
        and is_shown(call.params, entry)
        and created_in(call.params, "created", entry["date"])
        and ("pending" not in call.params or (entry["invoice"] is None) is call.params["pending"])
    )
    return paginate(rows, call.params, url="/v1/invoiceitems")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/invoiceitems": index,
    "POST /v1/invoiceitems": create,
    "GET /v1/invoiceitems/{id}": retrieve,
    "POST /v1/invoiceitems/{id}": update,
    "DELETE /v1/invoiceitems/{id}": delete,
}
