"""Giving money back: for a one-off payment, or for an invoice. The caller has checked who may.

Stripe is told once, under a key of the caller's, and asked afterwards what came of it.
https://docs.stripe.com/api/refunds/create
"""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from .exceptions import BillingError, RefundError
from .models import Invoice, Payment
from .money import formatted
from .rules.json_values import identifier, integer, mapping, objects
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
    try:
        return _refund(
            payment.payment_intent_id,
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
    intent_id, left = _collected(invoice)
    check_amount(amount, left=left, currency=invoice.currency)
    return _refund(intent_id, amount=amount, reason=reason, key=key, account=invoice.account)


def check_amount(amount: int, *, left: int, currency: str) -> None:
    """Raises RefundError unless 0 < amount ≤ left, in minor units."""
    if left <= 0:
        raise RefundError("Everything that was paid is refunded.")
    if not 0 < amount <= left:
        raise RefundError(f"Between nothing and {formatted(left, currency)} can be refunded.")


def _collected(invoice: Invoice) -> tuple[str, int]:
    """The payment intent that paid an invoice, and what is left of it."""
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
    intent: dict[str, Any] = request(
        "get",
        f"/v1/payment_intents/{found[0]}",
        {"expand": ["latest_charge"]},
        account=invoice.account,
    ).data
    charge = mapping(intent.get("latest_charge"))
    captured = integer(charge.get("amount_captured")) or integer(charge.get("amount")) or 0
    return found[0], captured - (integer(charge.get("amount_refunded")) or 0)


def _refund(intent_id: str, *, amount: int, reason: str, key: uuid.UUID, account: str) -> str:
    params = {"payment_intent": intent_id, "amount": amount, "reason": reason}
    answer = request(
        "post", "/v1/refunds", params, account=account, idempotency_key=f"refund-{key}"
    )
    return identifier(answer.data.get("id"))
