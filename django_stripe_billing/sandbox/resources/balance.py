"""The account's own money, and what the sandbox never does with it.

https://docs.stripe.com/api/balance
"""

from __future__ import annotations

from functools import partial

from ..lists import paginate
from ..routes import Call, Operation
from ..state import StripeObject

NEVER = ("application_fees", "payouts", "reviews", "topups", "transfers")
"""Nobody is paid out, and nothing is transferred: these lists stay empty."""


def retrieve(call: Call) -> StripeObject:
    sums: dict[str, int] = {"usd": 0}
    for row in call.engine.state.all("balance_transaction"):
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["net"]
    return {
        "object": "balance",
        "available": [_amount(currency, net) for currency, net in sums.items()],
        "connect_reserved": [{"amount": 0, "currency": "usd"}],
        "livemode": False,
        "pending": [_amount(currency, 0) for currency in sums],
    }


def _amount(currency: str, amount: int) -> StripeObject:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


def _nothing(call: Call, *, name: str) -> StripeObject:
    return paginate([], call.params, url=f"/v1/{name}")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/balance": retrieve,
    **{f"GET /v1/{name}": partial(_nothing, name=name) for name in NEVER},
}
