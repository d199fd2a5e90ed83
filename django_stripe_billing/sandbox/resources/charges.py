"""Charges: what a payment intent's attempts leave behind. https://docs.stripe.com/api/charges"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject
from . import balance_transactions
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine

SELLER_MESSAGES = {
    "insufficient_funds": "The bank returned the decline code `insufficient_funds`.",
    "fraudulent": "Stripe blocked this payment as too risky.",
}


def add(engine: Engine, intent: StripeObject, method: StripeObject) -> StripeObject:
    """A new charge of an intent's amount, undecided."""
    charge_id = engine.state.new_id("ch_", length=24)
    return engine.state.add(
        {
            "id": charge_id,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": intent["application_fee_amount"],
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SANDBOX",
            "captured": False,
            "created": engine.now,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": intent["on_behalf_of"],
            "outcome": None,
            "paid": False,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": _method_details(method),
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": f"{engine.base_url}/receipts/{charge_id}",
            "refunded": False,
            "review": None,
            "shipping": intent["shipping"],
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "pending",
            "transfer_data": intent["transfer_data"],
            "transfer_group": intent["transfer_group"],
        }
    )


def _method_details(method: StripeObject) -> dict[str, Any]:
    if method["type"] != "card":
        return {
            "sepa_debit": {**method["sepa_debit"], "expected_debit_date": None, "mandate": None},
            "type": "sepa_debit",
        }
    card = method["card"]
    kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    return {
        "card": {
            **{name: card[name] for name in (*kept, "last4", "regulated_status", "wallet")},
            "amount_authorized": None,
            "authorization_code": None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": 0, "status": "unavailable"},
            "three_d_secure": None,
            "transaction_link_id": None,
        },
        "type": "card",
    }


def succeed(engine: Engine, charge: StripeObject, *, is_captured: bool) -> None:
    """The bank has said yes; the money is here unless it is to be captured later."""
    charge["status"], charge["paid"] = "succeeded", True
    charge["outcome"] = _outcome("approved_by_network", "authorized", "Payment complete.")
    if charge["payment_method_details"]["type"] == "card":
        details = charge["payment_method_details"]["card"]
        details["amount_authorized"] = charge["amount"]
        details["overcapture"]["maximum_amount_capturable"] = charge["amount"]
    if is_captured:
        take_money(engine, charge, charge["amount"])
    engine.emit("charge.succeeded", charge)


def take_money(engine: Engine, charge: StripeObject, amount: int) -> None:
    """Capture: the amount reaches the balance."""
    charge["captured"], charge["amount_captured"] = True, amount
    charge["balance_transaction"] = balance_transactions.add(
        engine,
        amount=amount,
        currency=charge["currency"],
        source=charge["id"],
        kind="charge",
        fee=balance_transactions.charge_fee(amount),
    )["id"]


def fail(
    engine: Engine, charge: StripeObject, *, code: str, message: str, decline_code: str
) -> None:
    """The bank has said no."""
    charge["status"], charge["paid"] = "failed", False
    charge["failure_code"], charge["failure_message"] = code, message
    charge["outcome"] = _outcome(
        "declined_by_network",
        "issuer_declined",
        SELLER_MESSAGES.get(decline_code, "The bank did not return any further details."),
        reason=decline_code,
    )
    engine.emit("charge.failed", charge)


def _outcome(
    network_status: str, kind: str, message: str, *, reason: str | None = None
) -> dict[str, Any]:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": reason,
        "seller_message": message,
        "type": kind,
    }


def update(call: Call) -> StripeObject:
    charge = retrieve(call)
    names = ("description", "fraud_details", "receipt_email", "shipping", "transfer_group")
    with call.engine.changing(charge, "charge.updated"):
        take(charge, call.params, *names)
    return charge


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("charge", call.ids[0])


def index(call: Call) -> StripeObject:
    rows = (
        charge
        for charge in call.engine.state.all("charge")
        if equal(call.params, charge, "customer", "payment_intent", "transfer_group")
        and created_in(call.params, "created", charge["created"])
    )
    return paginate(rows, call.params, url="/v1/charges")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/charges": index,
    "GET /v1/charges/{id}": retrieve,
    "POST /v1/charges/{id}": update,
}
