"""The hosted checkout page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..cards import NUMBERS
from ..errors import SandboxError
from ..state import StripeObject
from .html import Page, money, not_found, page, redirect

if TYPE_CHECKING:
    from ..engine import Engine


def answer(engine: Engine, session_id: str, method: str, form: dict[str, str]) -> Page:
    """Show an open session, or pay it."""
    with engine.lock:
        session = engine.state.objects.get(session_id)
        if session is None or session["object"] != "checkout.session":
            return not_found()
        if session["status"] == "complete" and method == "POST":
            return redirect(_success_url(session))
        if session["status"] != "open":
            return page(
                "Checkout",
                "<section><h1>This checkout is over</h1>"
                "<p>You were not charged again. Go back to the shop.</p></section>",
                status=410,
            )
    if method != "POST":
        return _form(engine, session)
    number = "".join(form.get("card_number", "").split())
    if number not in NUMBERS:
        return _form(engine, session, error="Your card number is invalid. Try 4242 4242 4242 4242.")
    try:
        engine.complete_checkout(session_id, payment_method=f"pm_card_{NUMBERS[number]}")
    except SandboxError as error:
        return _form(engine, session, error=str(error))
    return redirect(_success_url(session))


def _success_url(session: StripeObject) -> str:
    return str(session["success_url"] or "/").replace("{CHECKOUT_SESSION_ID}", session["id"])


def _form(engine: Engine, session: StripeObject, *, error: str = "") -> Page:
    lines = engine.state.notes[session["id"]]["lines"]
    rows = "".join(
        f"<tr><td>{escape(line['description'])}</td>"
        f"<td>&times; {line['quantity'] or 'as used'}</td>"
        f"<td>{money(line['amount_total'], line['currency'])}{_interval(line['price'])}</td></tr>"
        for line in lines
    )
    subscription_data = engine.state.notes[session["id"]]["params"].get("subscription_data") or {}
    days = subscription_data.get("trial_period_days")
    trial = f'<p class="muted">{days} days free, then as above.</p>' if days else ""
    button = "Start trial" if days else "Subscribe" if session["mode"] == "subscription" else "Pay"
    cancel = (
        f'<p><a href="{escape(session["cancel_url"])}">Cancel and go back</a></p>'
        if session["cancel_url"]
        else ""
    )
    shown = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    content = f"""<section><h1>Due today</h1>
<p class="amount">{money(session["amount_total"], session["currency"])}</p>
<table>{rows}</table>{trial}{cancel}</section>
<section><h1>Pay with card</h1>{shown}
<form method="post"><label for="card_number">Card number</label>
<input id="card_number" name="card_number" inputmode="numeric" autocomplete="off"
 value="4242 4242 4242 4242" required>
<p class="muted">4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined,
4000 0000 0000 0341 is declined when it is charged.</p>
<button class="wide" type="submit">{button}</button></form></section>"""
    return page("Checkout", content, status=402 if error else 200)


def _interval(price: StripeObject) -> str:
    recurring = price["recurring"]
    if recurring is None:
        return ""
    count = recurring["interval_count"]
    return f" / {recurring['interval']}" if count == 1 else f" / {count} {recurring['interval']}s"
