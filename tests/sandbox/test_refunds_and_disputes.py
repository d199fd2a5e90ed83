"""Money that goes back: refunds and disputes."""

import pytest

from django_stripe_billing.sandbox import SandboxError

from .test_payments import pay, types

DAY = 86_400


def refund(engine, **params):
    return engine.call("POST", "/v1/refunds", params)


def read_charge(engine, intent):
    return engine.call("GET", f"/v1/charges/{intent['latest_charge']}", {"expand": ["refunds"]})


def test_a_payment_is_refunded_in_parts_and_then_no_more(engine):
    intent = pay(engine)
    first = refund(engine, payment_intent=intent["id"], amount=500, metadata={"a": "b"})
    assert (first["status"], first["amount"], first["metadata"]) == ("succeeded", 500, {"a": "b"})
    assert types(engine)[-2:] == ["charge.refunded", "refund.created"]
    assert engine.events[-2]["data"]["previous_attributes"] == {"amount_refunded": 0}
    with pytest.raises(SandboxError, match="greater than unrefunded amount") as refusal:
        refund(engine, charge=intent["latest_charge"], amount=1501)
    assert (refusal.value.status, refusal.value.param) == (400, "amount")
    rest = refund(engine, charge=intent["latest_charge"])
    assert rest["amount"] == 1500
    charge = read_charge(engine, intent)
    assert (charge["refunded"], charge["amount_refunded"]) == (True, 2000)
    assert [row["id"] for row in charge["refunds"]["data"]] == [rest["id"], first["id"]]
    with pytest.raises(SandboxError) as refusal:
        refund(engine, charge=intent["latest_charge"])
    assert (refusal.value.status, refusal.value.code) == (400, "charge_already_refunded")


@pytest.mark.parametrize("amount", [0, -1, 2001])
def test_an_amount_that_is_not_there_is_not_refunded(engine, amount):
    intent = pay(engine)
    with pytest.raises(SandboxError) as refusal:
        refund(engine, payment_intent=intent["id"], amount=amount)
    assert refusal.value.param == "amount"
    assert read_charge(engine, intent)["amount_refunded"] == 0


def test_what_was_not_paid_is_not_refunded(engine):
    intent = engine.call("POST", "/v1/payment_intents", {"amount": 100, "currency": "usd"})
    with pytest.raises(SandboxError, match="successful charge"):
        refund(engine, payment_intent=intent["id"])
    with pytest.raises(SandboxError) as refusal:
        refund(engine)
    assert refusal.value.code == "parameter_missing"


def test_a_refund_that_fails_later_gives_the_charge_its_money_back(engine):
    intent = pay(engine, "pm_card_refundFail")
    made = refund(engine, payment_intent=intent["id"])
    assert made["status"] == "succeeded"
    engine.clock.advance(DAY)
    engine.tick()
    failed = engine.call("GET", f"/v1/refunds/{made['id']}")
    assert (failed["status"], failed["failure_reason"]) == ("failed", "unknown")
    assert types(engine)[-3:] == ["charge.refund.updated", "refund.updated", "refund.failed"]
    charge = read_charge(engine, intent)
    assert (charge["refunded"], charge["amount_refunded"]) == (False, 0)


def test_a_pending_refund_arrives_or_is_canceled(engine):
    intent = pay(engine, "pm_card_pendingRefund")
    arriving = refund(engine, payment_intent=intent["id"], amount=500)
    canceled = refund(engine, payment_intent=intent["id"], amount=700)
    assert arriving["status"] == canceled["status"] == "pending"
    gone = engine.call("POST", f"/v1/refunds/{canceled['id']}/cancel")
    assert gone["status"] == "canceled"
    engine.clock.advance(DAY)
    engine.tick()
    assert engine.call("GET", f"/v1/refunds/{arriving['id']}")["status"] == "succeeded"
    assert engine.call("GET", f"/v1/refunds/{canceled['id']}")["status"] == "canceled"
    assert read_charge(engine, intent)["amount_refunded"] == 500
    with pytest.raises(SandboxError, match="only pending"):
        engine.call("POST", f"/v1/refunds/{arriving['id']}/cancel")


def test_refunds_are_listed_and_updated(engine):
    one, other = pay(engine), pay(engine)
    made = refund(engine, payment_intent=one["id"], reason="requested_by_customer")
    refund(engine, payment_intent=other["id"])
    found = engine.call("GET", "/v1/refunds", {"payment_intent": one["id"]})["data"]
    assert [row["id"] for row in found] == [made["id"]]
    engine.call("POST", f"/v1/refunds/{made['id']}", {"metadata": {"order_id": "6735"}})
    assert types(engine)[-2:] == ["charge.refund.updated", "refund.updated"]


def disputed(engine, card="pm_card_createDispute"):
    intent = pay(engine, card)
    (dispute,) = engine.call("GET", "/v1/disputes", {"payment_intent": intent["id"]})["data"]
    return intent, dispute


def test_a_disputed_payment_succeeds_and_loses_its_money(engine):
    intent, dispute = disputed(engine)
    assert intent["status"] == "succeeded"
    assert (dispute["status"], dispute["amount"]) == ("needs_response", 2000)
    assert [row["net"] for row in dispute["balance_transactions"]] == [-3500]
    assert types(engine)[-2:] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]
    assert read_charge(engine, intent)["disputed"]
    with pytest.raises(SandboxError) as refusal:
        refund(engine, payment_intent=intent["id"])
    assert refusal.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("text", "status", "events"),
    [
        (
            "winning_evidence",
            "won",
            ["charge.dispute.closed", "charge.dispute.funds_reinstated"],
        ),
        ("losing_evidence", "lost", ["charge.dispute.updated", "charge.dispute.closed"]),
        ("please", "under_review", ["charge.dispute.updated", "charge.dispute.updated"]),
    ],
)
def test_evidence_decides_a_dispute(engine, text, status, events):
    _, dispute = disputed(engine)
    path = f"/v1/disputes/{dispute['id']}"
    staged = engine.call("POST", path, {"evidence": {"uncategorized_text": "x"}, "submit": False})
    assert staged["status"] == "needs_response"
    answered = engine.call("POST", path, {"evidence": {"uncategorized_text": text}})
    assert (answered["status"], answered["evidence_details"]["submission_count"]) == (status, 1)
    assert types(engine)[-2:] == events


def test_a_dispute_is_lost_when_it_is_closed_or_never_answered(engine):
    _, dispute = disputed(engine)
    assert engine.call("POST", f"/v1/disputes/{dispute['id']}/close")["status"] == "lost"
    with pytest.raises(SandboxError, match="closed already"):
        engine.call("POST", f"/v1/disputes/{dispute['id']}/close")
    _, other = disputed(engine)
    engine.clock.advance(10 * DAY)
    engine.tick()
    assert engine.call("GET", f"/v1/disputes/{other['id']}")["status"] == "lost"


def test_an_inquiry_takes_no_money_and_can_be_refunded(engine):
    intent, dispute = disputed(engine, "pm_card_createDisputeInquiry")
    assert (dispute["status"], dispute["balance_transactions"]) == ("warning_needs_response", [])
    assert "charge.dispute.funds_withdrawn" not in types(engine)
    assert refund(engine, payment_intent=intent["id"])["status"] == "succeeded"
    closed = engine.call("POST", f"/v1/disputes/{dispute['id']}/close")
    assert closed["status"] == "warning_closed"
