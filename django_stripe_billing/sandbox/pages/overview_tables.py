"""The tables of the operator's page."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from ..resources.disputes import OPEN
from ..state import StripeObject
from .html import button, link, moment, money

if TYPE_CHECKING:
    from ..deliveries import HttpDeliveries
    from ..engine import Engine

SHOWN = 50


def _section(title: str, heads: str, rows: list[str]) -> str:
    if not rows:
        return ""
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads.split("|"))
    return (
        f'<section class="rows"><h2>{title}</h2><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def payments(engine: Engine) -> str:
    rows = []
    for intent in islice(engine.state.all("payment_intent"), SHOWN):
        charge = engine.state.objects.get(intent["latest_charge"] or "")
        rows.append(
            _row(
                moment(intent["created"]),
                link(intent["id"]),
                money(intent["amount"], intent["currency"]),
                _status(intent, charge),
                link(intent["customer"]) if intent["customer"] else "",
                _payment_buttons(intent, charge),
            )
        )
    return _section("Payments", "Created|Payment|Amount|Status|Customer|What may come", rows)


def _status(intent: StripeObject, charge: StripeObject | None) -> str:
    words = [str(intent["status"])]
    if charge is not None:
        if charge["refunded"]:
            words.append("refunded")
        elif charge["amount_refunded"]:
            words.append(f"{money(charge['amount_refunded'], charge['currency'])} refunded")
        if charge["disputed"]:
            words.append("disputed")
        if charge["failure_code"] and intent["status"] != "succeeded":
            words.append(str(intent["last_payment_error"]["decline_code"]))
    return escape(", ".join(words))


def _payment_buttons(intent: StripeObject, charge: StripeObject | None) -> str:
    if intent["status"] == "processing":
        return button("settle", "Succeed", payment_intent=intent["id"], succeeds="true") + button(
            "settle", "Fail", plain=True, payment_intent=intent["id"], succeeds="false"
        )
    if intent["status"] == "requires_action":
        return f'<a href="/3ds/{escape(intent["id"])}">3D Secure</a>'
    if intent["status"] != "succeeded" or charge is None or charge["refunded"]:
        return ""
    refund = button("refund", "Refund", plain=True, charge=charge["id"])
    if charge["disputed"]:
        return refund
    return refund + button("dispute", "Dispute", plain=True, charge=charge["id"])


def disputes(engine: Engine) -> str:
    rows = []
    for dispute in islice(engine.state.all("dispute"), SHOWN):
        buttons = ""
        if dispute["status"] in OPEN:
            won = button("decide", "Won", plain=True, dispute=dispute["id"], is_won="true")
            lost = button("decide", "Lost", plain=True, dispute=dispute["id"], is_won="false")
            buttons = won + lost
        rows.append(
            _row(
                moment(dispute["created"]),
                link(dispute["id"]),
                money(dispute["amount"], dispute["currency"]),
                escape(f"{dispute['reason']}, {dispute['status']}"),
                buttons,
            )
        )
    return _section("Disputes", "Created|Dispute|Amount|Status|What may come", rows)


def subscriptions(engine: Engine) -> str:
    customers = []
    for customer in islice(engine.state.all("customer"), SHOWN):
        held = engine.state.subscriptions_of[customer["id"]]
        shown = "<br>".join(
            f"{link(subscription_id)} {escape(engine.state.objects[subscription_id]['status'])}"
            f" until {moment(_period_end(engine.state.objects[subscription_id]))}"
            for subscription_id in reversed(held)
        )
        customers.append(
            _row(
                moment(customer["created"]),
                link(customer["id"]),
                escape(customer["email"] or customer["name"] or ""),
                shown,
            )
        )
    return _section("Customers", "Created|Customer|Name|Subscriptions", customers)


def _period_end(subscription: StripeObject) -> int:
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def events(engine: Engine, deliveries: HttpDeliveries) -> str:
    outcomes: dict[str, list[str]] = {}
    for delivery in list(deliveries.log):
        outcome = _outcome(delivery.statuses, is_taken=delivery.is_taken)
        outcomes.setdefault(delivery.event["id"], []).append(
            f'<span title="{escape(delivery.target.url)}">{outcome}</span>'
        )
    rows = [
        _row(
            moment(event["created"]),
            f"{link(event['id'], escape(event['type']))}",
            _about(event),
            ", ".join(outcomes.get(event["id"], ["to nobody"])),
            button("replay", "Repeat", plain=True, event=event["id"]),
        )
        for event in engine.events[-SHOWN:][::-1]
    ]
    return _section("Events", "Created|Event|Object|Webhook|Again", rows)


def _about(event: StripeObject) -> str:
    object_id = event["data"]["object"].get("id")
    return link(str(object_id)) if object_id else ""


def _outcome(statuses: list[int], *, is_taken: bool) -> str:
    if not statuses:
        return "waiting"
    shown = " ".join(str(status) if status else "no answer" for status in statuses)
    return shown if is_taken else f"{shown} (will be sent again)"
