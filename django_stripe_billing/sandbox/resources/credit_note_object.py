"""How a credit note looks, and what it takes from which line.

https://docs.stripe.com/api/credit_notes/object
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .. import amounts
from ..errors import SandboxError
from ..state import StripeObject
from . import tax_rates
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine

KIND = "credit_note"


def build(engine: Engine, invoice: StripeObject, params: dict[str, Any]) -> StripeObject:
    """A credit note that is not kept yet. Raises SandboxError."""
    note_id = engine.state.new_id("cn_", length=24)
    lines = [
        _line(engine, invoice, entry, at=f"lines[{index}]")
        for index, entry in enumerate(params.get("lines") or [])
    ]
    if bool(lines) == ("amount" in params):
        raise SandboxError("Pass one of amount and lines.", param="amount")
    taxes = tax_rates.total(lines)
    net = sum(line["amount"] for line in lines)
    added = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    total = params.get("amount", net + added)
    number = sum(row["invoice"] == invoice["id"] for row in engine.state.all(KIND)) + 1
    is_paid = invoice["status"] == "paid"
    return {
        "id": note_id,
        "object": KIND,
        "amount": total,
        "amount_shipping": 0,
        "created": engine.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": params.get("effective_at", engine.now),
        "invoice": invoice["id"],
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "url": f"/v1/credit_notes/{note_id}/lines",
        },
        "livemode": False,
        "memo": params.get("memo"),
        "metadata": merged({}, params.get("metadata", {})),
        "number": f"{invoice['number']}-CN-{number:02}",
        "out_of_band_amount": params.get("out_of_band_amount"),
        "pdf": f"{engine.base_url}/credit_notes/{note_id}/pdf",
        "post_payment_amount": total if is_paid else 0,
        "pre_payment_amount": 0 if is_paid else total,
        "pretax_credit_amounts": [],
        "reason": params.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": net if lines else total,
        "subtotal_excluding_tax": total - sum(tax["amount"] for tax in taxes),
        "total": total,
        "total_excluding_tax": total - sum(tax["amount"] for tax in taxes),
        "total_taxes": taxes,
        "type": "post_payment" if is_paid else "pre_payment",
        "voided_at": None,
    }


def _line(engine: Engine, invoice: StripeObject, entry: dict[str, Any], *, at: str) -> StripeObject:
    held = None
    if entry["type"] == "invoice_line_item":
        wanted = entry.get("invoice_line_item")
        lines = invoice["lines"]["data"]
        held = next((line for line in lines if line["id"] == wanted), None)
        if held is None:
            raise SandboxError(
                f"No such invoice line item: '{wanted}'",
                code="resource_missing",
                param=f"{at}[invoice_line_item]",
            )
    amount = _amount(held, entry, at=at)
    return {
        "id": engine.state.new_id("cnli_", length=24),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": entry.get("description") or (held or {}).get("description"),
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": None if held is None else held["id"],
        "livemode": False,
        "metadata": merged({}, entry.get("metadata", {})),
        "pretax_credit_amounts": [],
        "quantity": entry.get("quantity", 1),
        "tax_rates": [],
        "taxes": _taxes(held, amount),
        "type": entry["type"],
        "unit_amount": entry.get("unit_amount"),
        "unit_amount_decimal": entry.get("unit_amount_decimal"),
    }


def _amount(held: StripeObject | None, entry: dict[str, Any], *, at: str) -> int:
    if "amount" in entry:
        amount = int(entry["amount"])
    elif "unit_amount" in entry or "unit_amount_decimal" in entry:
        unit = entry.get("unit_amount_decimal", entry.get("unit_amount"))
        amount = amounts.of({"unit_amount_decimal": unit}, entry.get("quantity", 1))
    elif held is not None:
        quantity: int = held["quantity"] or 1
        share = Decimal(entry.get("quantity") or quantity) / quantity
        amount = int(held["amount"] * share)
    else:
        raise SandboxError(
            f"Missing required param: {at}[unit_amount].",
            code="parameter_missing",
            param=f"{at}[unit_amount]",
        )
    if held is not None and amount > held["amount"]:
        raise SandboxError("More is credited than the line costs.", param=f"{at}[amount]")
    return amount


def _taxes(held: StripeObject | None, amount: int) -> list[StripeObject]:
    if held is None or not held["amount"]:
        return []
    return [
        {
            **tax,
            "amount": amounts.part(tax["amount"], seconds=amount, whole=held["amount"]),
            "taxable_amount": amounts.part(
                tax["taxable_amount"], seconds=amount, whole=held["amount"]
            ),
        }
        for tax in held["taxes"]
    ]
