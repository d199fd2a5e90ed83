"""What may be asked of invoice items. https://docs.stripe.com/api/invoiceitems"""

from __future__ import annotations

from .. import amounts
from ..errors import SandboxError, missing_parameter
from ..lists import created_in, equal, is_shown, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import billables, invoice_discounts, invoice_items, invoice_object
from .billables import Billable
from .metadata import take


def create(call: Call) -> StripeObject:
    engine, params = call.engine, call.params
    state = engine.state
    invoice = None
    if "invoice" in params:
        invoice = state.get("invoice", params["invoice"], param="invoice", status=400)
        if invoice["status"] != "draft":
            raise SandboxError("Invoice items can be added to a draft invoice only.")
    customer_id = params.get("customer") or (invoice or {}).get("customer", "")
    if not customer_id:
        raise missing_parameter("customer")
    customer = state.get("customer", customer_id, param="customer", status=400)
    if invoice is not None and invoice["customer"] != customer["id"]:
        raise SandboxError("The invoice belongs to another customer.", param="invoice")
    if "subscription" in params:
        invoice_items.check_owner(engine, params["subscription"], customer["id"])
    currency = (params.get("currency") or customer["currency"] or "usd").lower()
    billable = invoice_items.read(engine, params, currency=currency)
    if customer["currency"] not in {None, billable.currency}:
        raise SandboxError(
            f"You cannot combine currencies on a single customer: this one has"
            f" {customer['currency']}.",
            param="currency",
        )
    if invoice is None:
        return invoice_items.add(engine, customer["id"], billable)
    entry = invoice_items.add(engine, customer["id"], billable, invoice_id=invoice["id"])
    with engine.changing(invoice, "invoice.updated"):
        content = [billables.of_invoice_item(engine, entry)]
        invoice_object.add_lines(engine, invoice, content)
        invoice_discounts.apply_again(engine, invoice)
        invoice_object.add_up(call.engine, invoice, balance=customer["balance"])
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
    customer = call.engine.state.get("customer", entry["customer"], status=400)
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
        invoice_discounts.apply_again(call.engine, invoice)
        invoice_object.add_up(call.engine, invoice, balance=customer["balance"])


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
    answer = {"id": entry["id"], "object": invoice_items.KIND, "deleted": True}
    invoice_items.forget(call.engine, entry)
    _replace_line(call, entry, [])
    call.engine.state.remove(entry)
    call.engine.emit("invoiceitem.deleted", entry)
    return answer


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get(invoice_items.KIND, call.ids[0], called="invoiceitem")


def index(call: Call) -> StripeObject:
    rows = (
        entry
        for entry in call.engine.state.all(invoice_items.KIND)
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
