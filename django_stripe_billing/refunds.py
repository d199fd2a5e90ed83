"""Giving money back: for a one-off payment, or for an invoice. The caller has checked who may.

Stripe is told once, under a key of the caller's, and asked afterwards what came of it.
https://docs.stripe.com/api/refunds/create
"""

from __future__ import annotations

import contextlib
import uuid
from typing import Any
from urllib.parse import quote

from .exceptions import BillingError, RefundError
from .models import Invoice, Payment
from .money import formatted
from .rules.json_values import JSONObject, identifier, integer, mapping, objects
from .stripe_api import request
from .sync import Cause, sync_payment

REASONS = ("requested_by_customer", "duplicate", "fraudulent")
"""https://docs.stripe.com/api/refunds/create#create_refund-reason"""


def refund_payment(
    payment: Payment, *, amount: int, reason: str, key: uuid.UUID, cause: Cause
) -> str:
    """Refund `amount` minor units of a one-off payment; the refund's id.

    What that does to access is the policy of refunds. The same `key` twice refunds once. Raises
    RefundError for more than is left, and StripeError.
    """
    check_amount(amount, left=payment.amount - payment.amount_refunded, currency=payment.currency)
    if not payment.payment_intent_id:
        raise RefundError("Nothing was charged for this payment.")
    charge = _charge_of(payment.payment_intent_id, account=payment.account)
    try:
        return _refund(
            payment.payment_intent_id,
            charge,
            amount=amount,
            reason=reason,
            key=key,
            account=payment.account,
        )
    finally:  # made, or perhaps made and not answered: the row must say what is left
        with contextlib.suppress(BillingError):  # its webhook tells what is not read now
            items = payment.items.all()
            sync_payment(payment.snapshot(items), account=payment.account, cause=cause)


def refund_invoice(invoice: Invoice, *, amount: int, reason: str, key: uuid.UUID) -> str:
    """Refund `amount` minor units of a paid invoice; the refund's id. The subscription goes on.

    Raises RefundError for more than is left, and StripeError.
    """
    intent_id = _collected(invoice)
    charge = _charge_of(intent_id, account=invoice.account)
    captured = integer(charge.get("amount_captured")) or integer(charge.get("amount")) or 0
    left = captured - (integer(charge.get("amount_refunded")) or 0)
    check_amount(amount, left=left, currency=invoice.currency)
    return _refund(
        intent_id, charge, amount=amount, reason=reason, key=key, account=invoice.account
    )


def check_amount(amount: int, *, left: int, currency: str) -> None:
    """Raises RefundError unless 0 < amount ≤ left, in minor units."""
    if left <= 0:
        raise RefundError("Everything that was paid is refunded.")
    if not 0 < amount <= left:
        raise RefundError(f"Between nothing and {formatted(left, currency)} can be refunded.")


def _collected(invoice: Invoice) -> str:
    """The payment intent that paid an invoice."""
    answer = request(
        "get",
        "/v1/invoice_payments",
        {"invoice": invoice.stripe_id, "status": "paid", "limit": 10},
        account=invoice.account,
    )
    found = [
        intent_id
        for row in objects(answer.data)
        if (intent_id := identifier(mapping(row.get("payment")).get("payment_intent")))
    ]
    if len(found) != 1:
        raise RefundError(
            "Not one payment paid this invoice: refund it in Stripe's Dashboard."
            if found
            else "No card or bank paid this invoice."
        )
    return found[0]


def _charge_of(intent_id: str, *, account: str) -> JSONObject:
    path = f"/v1/payment_intents/{quote(intent_id, safe='')}"
    intent = request("get", path, {"expand": ["latest_charge"]}, account=account).data
    return mapping(intent.get("latest_charge"))


def _refund(
    intent_id: str, charge: JSONObject, *, amount: int, reason: str, key: uuid.UUID, account: str
) -> str:
    """Where a sale was split, each gives back a share of what it got: else all is the platform's.

    https://docs.stripe.com/connect/destination-charges#issue-refunds
    """
    params: dict[str, Any] = {"payment_intent": intent_id, "amount": amount, "reason": reason}
    if identifier(mapping(charge.get("transfer_data")).get("destination")):
        params["reverse_transfer"] = True
    if identifier(charge.get("application_fee")) or charge.get("application_fee_amount"):
        params["refund_application_fee"] = True
    answer = request(
        "post", "/v1/refunds", params, account=account, idempotency_key=f"refund-{key}"
    )
    return identifier(answer.data.get("id"))
