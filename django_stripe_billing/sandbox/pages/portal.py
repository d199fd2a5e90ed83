"""The hosted customer portal: cancel, resume, switch plan."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from ..errors import SandboxError
from ..periods import HOUR
from ..resources.subscription_endings import TERMINAL
from ..state import StripeObject
from .html import Page, money, not_found, page, redirect
from .portal_money import card_section, invoices_section, save_card

if TYPE_CHECKING:
    from ..engine import Engine


def answer(engine: Engine, secret: str, method: str, form: dict[str, str]) -> Page:
    """Show a customer's subscriptions, or change one of them."""
    with engine.lock:
        session = next(
            (
                found
                for found in engine.state.all("billing_portal.session")
                if engine.state.notes[found["id"]]["secret"] == secret
            ),
            None,
        )
        if session is None:
            return not_found()
        with engine.on_clock_of(session["id"]):
            if engine.now > session["created"] + HOUR:
                return not_found()
        own = [
            engine.state.objects[subscription_id]
            for subscription_id in engine.state.subscriptions_of[session["customer"]]
        ]
    if method != "POST":
        return _overview(engine, session, own)
    if form.get("action") == "card":
        try:
            save_card(engine, session["customer"], form.get("card_number", ""))
        except SandboxError as error:
            return _overview(engine, session, own, error=str(error))
        return redirect(_after(session, secret))
    subscription = next((row for row in own if row["id"] == form.get("subscription")), None)
    if subscription is None:
        return not_found()
    try:
        _act(engine, subscription, form)
    except SandboxError as error:
        return _overview(engine, session, own, error=str(error))
    return redirect(_after(session, secret))


def _after(session: StripeObject, secret: str) -> str:
    """Where a change leads: where the session's flow says, or back to the portal."""
    after = (session["flow"] or {}).get("after_completion") or {}
    if after.get("type") == "redirect":
        return str(after["redirect"]["return_url"])
    return f"/p/session/{secret}"


def _act(engine: Engine, subscription: StripeObject, form: dict[str, str]) -> None:
    """What the buttons do: a flexible subscription is set to end by `cancel_at`, as at Stripe."""
    path = f"/v1/subscriptions/{subscription['id']}"
    action = form.get("action")
    params: dict[str, Any]
    if action == "cancel" and subscription["billing_mode"]["type"] == "flexible":
        params = {"cancel_at": "min_period_end"}
    elif action == "cancel":
        params = {"cancel_at_period_end": True}
    elif action == "keep":
        params = {"cancel_at": ""}
    elif action == "switch":
        item = subscription["items"]["data"][0]
        params = {
            "items": [
                {"id": item["id"], "price": form.get("price", ""), "quantity": item["quantity"]}
            ]
        }
    elif action == "resume":
        engine.call("POST", f"{path}/resume")
        return
    else:
        raise SandboxError("There is no such button.")
    engine.call("POST", path, params)


def _overview(
    engine: Engine, session: StripeObject, own: list[StripeObject], *, error: str = ""
) -> Page:
    cards = "".join(_card(engine, row) for row in own if row["status"] not in TERMINAL)
    ended = [row for row in own if row["status"] in TERMINAL]
    back = (
        f'<p><a href="{escape(session["return_url"])}">Back to the shop</a></p>'
        if session["return_url"]
        else ""
    )
    shown = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    past = f'<p class="muted">{len(ended)} ended before.</p>' if ended else ""
    empty = "" if cards else "<p>There is no subscription.</p>"
    money_sections = card_section(engine, session["customer"]) + invoices_section(
        engine, session["customer"]
    )
    return page(
        "Billing portal",
        f"<section><h1>Your subscriptions</h1>{shown}{empty}{past}{back}</section>{cards}"
        f"{money_sections}",
        status=400 if error else 200,
    )


def _card(engine: Engine, subscription: StripeObject) -> str:
    item = subscription["items"]["data"][0]
    product = engine.state.objects[item["price"]["product"]]
    until = _day(item["current_period_end"])
    ends = subscription["cancel_at"]
    state = f"Ends on {_day(ends)}" if ends else f"{subscription['status']}, renews on {until}"
    price = money(item["price"]["unit_amount"], item["price"]["currency"])
    if subscription["status"] == "paused":
        buttons = _button(subscription, "resume", "Resume")
    elif ends:
        buttons = _button(subscription, "keep", "Keep the subscription")
    else:
        buttons = _button(subscription, "cancel", "Cancel at the end of the period", plain=True)
    return f"""<section><h2>{escape(product["name"])}</h2>
<p>{price} &times; {item["quantity"]} · {escape(state)}</p>
{buttons}{_switch(engine, subscription)}</section>"""


def _switch(engine: Engine, subscription: StripeObject) -> str:
    held = subscription["items"]["data"][0]["price"]
    options = "".join(
        f'<option value="{escape(price["id"])}">'
        f"{escape(engine.state.objects[price['product']]['name'])}:"
        f" {money(price['unit_amount'], price['currency'])} / {price['recurring']['interval']}"
        "</option>"
        for price in engine.state.all("price")
        if price["active"]
        and price["type"] == "recurring"
        and price["currency"] == held["currency"]
        and price["id"] != held["id"]
    )
    if not options:
        return ""
    return f"""<form method="post"><input type="hidden" name="action" value="switch">
<input type="hidden" name="subscription" value="{escape(subscription["id"])}">
<label for="price-{escape(subscription["id"])}">Switch to</label>
<select id="price-{escape(subscription["id"])}" name="price">{options}</select>
<button class="plain" type="submit">Switch plan</button></form>"""


def _button(subscription: StripeObject, action: str, label: str, *, plain: bool = False) -> str:
    return f"""<form method="post"><input type="hidden" name="action" value="{action}">
<input type="hidden" name="subscription" value="{escape(subscription["id"])}">
<button{' class="plain"' if plain else ""} type="submit">{label}</button></form>"""


def _day(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%-d %B %Y")
