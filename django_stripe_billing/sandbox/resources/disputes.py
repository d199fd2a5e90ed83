"""Disputes. https://docs.stripe.com/api/disputes"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..lists import created_in, equal, paginate
from ..periods import DAY
from ..routes import Call, Operation
from ..state import StripeObject
from . import balance_transactions
from .metadata import take

if TYPE_CHECKING:
    from ..engine import Engine

ANSWER_WITHIN = 9 * DAY
EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure"
    " cancellation_rebuttal customer_communication customer_email_address customer_name"
    " customer_purchase_ip customer_signature duplicate_charge_documentation"
    " duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy"
    " refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
    " shipping_address shipping_carrier shipping_date shipping_documentation"
    " shipping_tracking_number uncategorized_file uncategorized_text"
).split()
OPEN = {"needs_response", "under_review", "warning_needs_response", "warning_under_review"}
UNDER_REVIEW = {
    "needs_response": "under_review",
    "warning_needs_response": "warning_under_review",
}
VERDICTS = {"winning_evidence": True, "losing_evidence": False}
"""What `evidence[uncategorized_text]` decides in test mode."""


def open_dispute(
    engine: Engine, charge: StripeObject, *, reason: str = "fraudulent", is_inquiry: bool = False
) -> StripeObject:
    """The cardholder disputes a charge; the money leaves at once, except for an inquiry."""
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise SandboxError("Only a charge that succeeded can be disputed.")
    if charge["disputed"]:
        raise SandboxError("This charge is disputed already.")
    if charge["refunded"]:
        raise SandboxError("This charge is refunded already.")
    now = engine.now
    details = charge["payment_method_details"]
    dispute = engine.state.add(
        {
            "id": engine.state.new_id("dp_", length=24),
            "object": "dispute",
            "amount": charge["amount"] - charge["amount_refunded"],
            "balance_transactions": [],
            "charge": charge["id"],
            "created": now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
            "evidence_details": {
                "due_by": now + ANSWER_WITHIN,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": is_inquiry,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "card": {
                    "brand": details["card"]["brand"],
                    "case_type": "inquiry" if is_inquiry else "chargeback",
                    "network": details["card"]["network"],
                    "network_reason_code": "10.4",
                },
                "type": "card",
            }
            if details["type"] == "card"
            else {"type": details["type"]},
            "reason": reason,
            "status": "warning_needs_response" if is_inquiry else "needs_response",
        }
    )
    charge["disputed"] = True
    engine.state.notes[charge["id"]]["dispute"] = dispute["id"]
    engine.emit("charge.dispute.created", dispute)
    if not is_inquiry:
        _move(engine, dispute, -dispute["amount"], fee=balance_transactions.DISPUTE_FEE)
        engine.emit("charge.dispute.funds_withdrawn", dispute)
    run_out = partial(_run_out, engine, dispute["id"])
    engine.state.at(now + ANSWER_WITHIN, run_out, about=charge["id"])
    return dispute


def _move(engine: Engine, dispute: StripeObject, amount: int, *, fee: int = 0) -> None:
    row = balance_transactions.add(
        engine,
        amount=amount,
        currency=dispute["currency"],
        source=dispute["id"],
        kind="adjustment",
        fee=fee,
    )
    dispute["balance_transactions"] = [*dispute["balance_transactions"], row]


def decide(engine: Engine, dispute_id: str, *, is_won: bool) -> StripeObject:
    """The bank's verdict. Raises SandboxError when the dispute is closed already."""
    dispute = engine.state.get("dispute", dispute_id)
    if dispute["status"] not in OPEN:
        raise SandboxError(f"This dispute is closed already: {dispute['status']}.")
    is_inquiry = dispute["status"].startswith("warning_")
    with engine.changing(dispute, "charge.dispute.updated"):
        dispute["status"] = "warning_closed" if is_inquiry else "won" if is_won else "lost"
        dispute["is_charge_refundable"] = False
    engine.emit("charge.dispute.closed", dispute)
    if is_won and not is_inquiry:
        _move(engine, dispute, dispute["amount"])
        engine.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def _run_out(engine: Engine, dispute_id: str) -> None:
    """Nobody has answered in time."""
    dispute = engine.state.objects[dispute_id]
    if dispute["status"] in UNDER_REVIEW:
        dispute["evidence_details"]["past_due"] = True
        decide(engine, dispute_id, is_won=False)


def update(call: Call) -> StripeObject:
    """Evidence is sent to the bank at once, unless `submit` is false."""
    engine, params = call.engine, call.params
    dispute = retrieve(call)
    given: dict[str, Any] = params.get("evidence") or {}
    if given and dispute["status"] not in OPEN:
        raise SandboxError("This dispute is already closed.", param="evidence")
    submits = given and params.get("submit", True) not in {False, "false"}
    with engine.changing(dispute, "charge.dispute.updated"):
        take(dispute, params)
        dispute["evidence"] |= {name: value or None for name, value in given.items()}
        if given:
            dispute["evidence_details"]["has_evidence"] = True
        if submits:
            dispute["evidence_details"]["submission_count"] += 1
            dispute["status"] = UNDER_REVIEW.get(dispute["status"], dispute["status"])
    verdict = VERDICTS.get(str(dispute["evidence"]["uncategorized_text"]))
    if submits and verdict is not None:
        decide(engine, dispute["id"], is_won=verdict)
    return dispute


def close(call: Call) -> StripeObject:
    """Accept the dispute: it is lost."""
    return decide(call.engine, call.ids[0], is_won=False)


def retrieve(call: Call) -> StripeObject:
    return call.engine.state.get("dispute", call.ids[0])


def index(call: Call) -> StripeObject:
    rows = (
        dispute
        for dispute in call.engine.state.all("dispute")
        if equal(call.params, dispute, "charge", "payment_intent")
        and created_in(call.params, "created", dispute["created"])
    )
    return paginate(rows, call.params, url="/v1/disputes")


OPERATIONS: dict[str, Operation] = {
    "GET /v1/disputes": index,
    "GET /v1/disputes/{id}": retrieve,
    "POST /v1/disputes/{id}": update,
    "POST /v1/disputes/{id}/close": close,
}
