"""The account's balance: what charges, refunds and disputes move.

https://docs.stripe.com/api/balance_transactions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lists import created_in, equal, paginate
from ..routes import Call, Operation
from ..state import StripeObject

if TYPE_CHECKING:
    from ..engine import Engine

FEE_PER_MILLE, FEE_FIXED = 29, 30
"""What a charge costs, as Stripe's standard price in the US."""
DISPUTE_FEE = 1500
CATEGORIES = {"adjustment": "dispute"}


def add(
    engine: Engine, *, amount: int, currency: str, source: str, kind: str, fee: int = 0
) -> StripeObject:
    """A movement of `amount` minor units; negative: out of the account."""
    return engine.state.add(
        {
            "id": engine.state.new_id("txn_", length=24),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": engine.now,
            "balance_type": "payments",
            "created": engine.now,
            "currency": currency,
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [
                {
                    "amount": fee,
                    "application": None,
                    "currency": currency,
                    "description": "Stripe processing fees",
                    "type": "stripe_fee",
                }
            ]
            if fee
            else [],
            "net": amount - fee,
            "reporting_category": CATEGORIES.get(kind, kind),
            "source": source,
            "status": "available",
            "type": kind,
        }
    )


def charge_fee(amount: int) -> int:
    return (amount * FEE_PER_MILLE + 500) // 1000 + FEE_FIXED


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("balance_transaction", call.ids[0])


def index(call: Call) -> StripeObject:
    rows = (
        row
        for row in call.engine.state.all("balance_transaction")
        if equal(call.params, row, "currency", "source", "type")
        and created_in(call.params, "created", row["created"])
    )
    return paginate(rows, call.params, url="/v1/balance_transactions")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/balance_transactions": index,
    "GET /v1/balance_transactions/{id}": retrieve,
}
