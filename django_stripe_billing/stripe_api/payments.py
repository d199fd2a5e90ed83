"""A one-off purchase, put together from the objects that Stripe keeps of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..rules.json_values import identifier, mapping, objects
from ..rules.ordering import Interval
from .client import Answer, request
from .pages import pages

PAYMENT_EXPANSIONS = ["line_items", "payment_intent.latest_charge"]
"""What a Checkout Session must show for `parse_payment`."""


def fetch_payment(session_id: str, *, account: str = "") -> Answer:
    """A session in `payment` mode with its lines, charge and disputes: `{"session", "disputes"}`.

    One call; one more where the charge is disputed, or the lines are many. The interval spans them
    all. Raises StripeError.
    https://docs.stripe.com/api/checkout/sessions/retrieve
    """
    path = f"/v1/checkout/sessions/{quote(session_id, safe='')}"
    answer = request("get", path, {"expand": PAYMENT_EXPANSIONS}, account=account)
    session, interval = dict(answer.data), answer.interval
    lines = mapping(session.get("line_items"))
    if lines.get("has_more") is True:
        rows, interval = _rows(f"{path}/line_items", {}, interval, account=account)
        session["line_items"] = {**lines, "data": rows, "has_more": False}
    disputes: list[dict[str, Any]] = []
    charge = mapping(mapping(session.get("payment_intent")).get("latest_charge"))
    if charge and charge.get("disputed") is not False:
        wanted = {"payment_intent": identifier(session.get("payment_intent"))}
        disputes, interval = _rows("/v1/disputes", wanted, interval, account=account)
    return Answer(
        data={"session": session, "disputes": disputes},
        interval=interval,
        request_id=answer.request_id,
    )


def fetch_invoice_money(intent_id: str, *, account: str = "") -> Answer:
    """Which invoice a payment intent paid, and what became of the money: `{"payments", "intent",
    "disputes"}`.

    One call where it paid none; else two, and one more where the charge is disputed. Raises
    StripeError. https://docs.stripe.com/api/invoice-payment/list
    """
    wanted: dict[str, Any] = {"type": "payment_intent", "payment_intent": intent_id}
    answer = request("get", "/v1/invoice_payments", {"payment": wanted}, account=account)
    data: dict[str, Any] = {"payments": answer.data, "intent": {}, "disputes": []}
    interval = answer.interval
    if objects(answer.data):
        path = f"/v1/payment_intents/{quote(intent_id, safe='')}"
        found = request("get", path, {"expand": ["latest_charge"]}, account=account)
        data["intent"], interval = found.data, found.interval
        charge = mapping(found.data.get("latest_charge"))
        if charge and charge.get("disputed") is not False:
            only = {"payment_intent": intent_id}
            data["disputes"], interval = _rows("/v1/disputes", only, interval, account=account)
    return Answer(data=data, interval=interval, request_id=answer.request_id)


def _rows(
    path: str, params: dict[str, Any], interval: Interval, *, account: str
) -> tuple[list[dict[str, Any]], Interval]:
    rows: list[dict[str, Any]] = []
    for page in pages(path, params, account=account):
        rows.extend(page.rows)
        interval = Interval(
            low=min(interval.low, page.interval.low), high=max(interval.high, page.interval.high)
        )
    return rows, interval
