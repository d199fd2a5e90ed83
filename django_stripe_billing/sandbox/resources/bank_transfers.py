"""Paying by bank transfer: what has arrived stands in the customer's cash balance.

https://docs.stripe.com/payments/customer-balance
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SandboxError
from ..routes import Call, Operation
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine


def fund(call: Call) -> StripeObject:
    """A test's bank transfer: it pays the payment intents that wait for it, oldest first."""
    engine, params = call.engine, call.params
    customer = engine.state.get("customer", call.ids[0])
    amount, currency = int(params.get("amount", 0)), str(params.get("currency", "")).lower()
    if amount < 1:
        raise SandboxError("Invalid positive integer", param="amount")
    held = engine.state.notes[customer["id"]].setdefault("cash", {})
    held[currency] = held.get(currency, 0) + amount
    transaction = {
        "id": engine.state.new_id("ccsbtxn_", length=24),
        "object": "customer_cash_balance_transaction",
        "created": engine.now,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "ending_balance": held[currency],
        "funded": {
            "bank_transfer": {
                "reference": params.get("reference"),
                "type": f"{currency[:2]}_bank_transfer",
            }
        },
        "livemode": False,
        "net_amount": amount,
        "type": "funded",
    }
    engine.emit("customer_cash_balance_transaction.created", transaction)
    waiting = [
        intent
        for intent in engine.state.all("payment_intent")
        if intent["customer"] == customer["id"] and intent["currency"] == currency and waits(intent)
    ]
    for intent in reversed(waiting):
        collect(engine, intent)
    if held[currency]:
        engine.emit("cash_balance.funds_available", balance(engine, customer))
    return transaction


def balance(engine: Engine, customer: StripeObject) -> StripeObject:
    held = engine.state.notes[customer["id"]].get("cash", {})
    return {
        "object": "cash_balance",
        "available": {currency: amount for currency, amount in held.items() if amount} or None,
        "customer": customer["id"],
        "customer_account": None,
        "livemode": False,
        "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
    }


def retrieve(call: Call) -> StripeObject:
    return balance(call.engine, call.engine.state.get("customer", call.ids[0]))


def waits(intent: StripeObject) -> bool:
    """Whether an intent waits for a bank transfer."""
    action = intent["next_action"] or {}
    return action.get("type") == "display_bank_transfer_instructions"


def wait(engine: Engine, intent: StripeObject) -> None:
    """Show where the money is to be sent; what is there already counts."""
    if intent["customer"] is None:
        raise SandboxError("A bank transfer needs a customer.", param="customer")
    intent["status"] = "requires_action"
    intent["next_action"] = {
        "display_bank_transfer_instructions": {
            "amount_remaining": intent["amount"],
            "currency": intent["currency"],
            "financial_addresses": [],
            "hosted_instructions_url": f"{engine.base_url}/transfer/{intent['id']}",
            "reference": intent["id"][-12:].upper(),
            "type": f"{intent['currency'][:2]}_bank_transfer",
        },
        "type": "display_bank_transfer_instructions",
    }
    engine.emit("payment_intent.requires_action", intent)
    collect(engine, intent)


def collect(engine: Engine, intent: StripeObject) -> None:
    """Let a waiting intent take what it needs of the cash balance."""
    held = engine.state.notes[intent["customer"]].setdefault("cash", {})
    details = intent["next_action"]["display_bank_transfer_instructions"]
    taken = min(held.get(intent["currency"], 0), details["amount_remaining"])
    if not taken:
        return
    held[intent["currency"]] -= taken
    details["amount_remaining"] -= taken
    if details["amount_remaining"]:
        engine.emit("payment_intent.partially_funded", intent)
        return
    intent["status"], intent["next_action"] = "succeeded", None
    intent["amount_received"] = intent["amount"]
    engine.emit("payment_intent.succeeded", intent)


OPERATIONS: dict[str, Operation] = {
    "GET /v1/customers/{id}/cash_balance": retrieve,
    "POST /v1/test_helpers/customers/{id}/fund_cash_balance": fund,
}
