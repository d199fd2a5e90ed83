"""The portal's card and invoices."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..cards import NUMBERS
from ..errors import SandboxError
from ..resources.subscription_endings import TERMINAL
from ..state import StripeObject
from .html import moment, money

if TYPE_CHECKING:
    from ..engine import Engine


def save_card(engine: Engine, customer_id: str, number: str) -> None:
    """A new card becomes the customer's default, and that of the subscriptions that name a card."""
    name = NUMBERS.get("".join(number.split()))
    if name is None:
        raise SandboxError("Your card number is invalid. Try 4242 4242 4242 4242.")
    attached = engine.call(
        "POST", f"/v1/payment_methods/pm_card_{name}/attach", {"customer": customer_id}
    )
    default = {"default_payment_method": attached["id"]}
    engine.call("POST", f"/v1/customers/{customer_id}", {"invoice_settings": default})
    for subscription_id in engine.state.subscriptions_of[customer_id]:
        subscription = engine.state.objects[subscription_id]
        if subscription["default_payment_method"] and subscription["status"] not in TERMINAL:
            engine.call("POST", f"/v1/subscriptions/{subscription_id}", default)


def card_section(engine: Engine, customer_id: str) -> str:
    """The card that is charged next, and a field for another."""
    method = engine.state.objects.get(_card_on_file(engine, customer_id))
    shown = "No card is on file."
    if method is not None and method["type"] == "card":
        card = method["card"]
        shown = (
            f"{escape(card['brand'].capitalize())} ending in {card['last4']},"
            f" expires {card['exp_month']:02}/{card['exp_year']}"
        )
    return f"""<section><h2>Payment method</h2><p>{shown}</p>
<form method="post"><input type="hidden" name="action" value="card">
<label for="card_number">Another card</label>
<input id="card_number" name="card_number" value="5555 5555 5555 4444" autocomplete="off" required>
<button class="plain" type="submit">Update card</button></form></section>"""


def _card_on_file(engine: Engine, customer_id: str) -> str:
    """The customer's own, or else the one that a running subscription names; '' without any."""
    customer = engine.state.objects[customer_id]
    default = customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
    running = (
        engine.state.objects[subscription_id]
        for subscription_id in engine.state.subscriptions_of[customer_id]
    )
    named = (row["default_payment_method"] for row in running if row["status"] not in TERMINAL)
    return default or next(filter(None, named), None) or ""


def invoices_section(engine: Engine, customer_id: str) -> str:
    """What was billed."""
    rows = "".join(
        _row(invoice)
        for invoice in engine.state.all("invoice")
        if invoice["customer"] == customer_id and invoice["status"] != "draft"
    )
    if not rows:
        return ""
    return f'<section><h2>Invoices</h2><table class="amounts">{rows}</table></section>'


def _row(invoice: StripeObject) -> str:
    return (
        f"<tr><td>{moment(invoice['created'])[:10]}</td><td>{escape(invoice['number'] or '')}</td>"
        f"<td>{money(invoice['total'], invoice['currency'])}</td>"
        f"<td>{escape(invoice['status'])}</td></tr>"
    )
