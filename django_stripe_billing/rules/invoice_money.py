"""What became of the money that paid an invoice: refunded, disputed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .json_values import JSONObject, identifier, integer, mapping, objects, text
from .payment_snapshots import heaviest


@dataclass(frozen=True, kw_only=True)
class InvoiceMoney:
    """Of one payment intent, as Stripe states it now."""

    invoice_id: str
    amount_refunded: int
    """In minor units, all refunds together."""
    dispute_status: str
    """Of the dispute that weighs most; '' without one."""


def parse_invoice_money(
    payments: object, intent: object, disputes: Iterable[JSONObject] = ()
) -> InvoiceMoney | None:
    """Read a list of invoice payments, their intent with `latest_charge` expanded, and its
    disputes; None where the intent paid no invoice.

    https://docs.stripe.com/api/invoice-payment/list
    """
    paid = [identifier(row.get("invoice")) for row in objects(payments)]
    invoice_id = next(filter(None, paid), "")
    if not invoice_id:
        return None
    charge = mapping(mapping(intent).get("latest_charge"))
    return InvoiceMoney(
        invoice_id=invoice_id,
        amount_refunded=max(integer(charge.get("amount_refunded")) or 0, 0),
        dispute_status=heaviest(text(entry.get("status"), longest=64) for entry in disputes),
    )
