"""The operator's page: the clock, the payments, the webhooks, and what to do to them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..cards import DECLINES
from ..errors import SandboxError
from ..operator_actions import ACTIONS
from .html import Page, button, moment, page, redirect
from .overview_tables import disputes, events, payments, subscriptions

if TYPE_CHECKING:
    from ..deliveries import HttpDeliveries
    from ..engine import Engine

INTERVALS = ("hour", "day", "week", "month", "year")


def answer(engine: Engine, deliveries: HttpDeliveries, method: str, form: dict[str, str]) -> Page:
    """Show what there is, or do what a button says."""
    if method != "POST":
        return _show(engine, deliveries)
    action = ACTIONS.get(form.get("action", ""))
    try:
        if action is None:
            raise SandboxError("There is no such button.")
        action(engine, deliveries, form)
    except SandboxError as error:
        return _show(engine, deliveries, error=str(error))
    except KeyError as error:
        return _show(engine, deliveries, error=f"The form lacks {error}.")
    return redirect("/")


def _show(engine: Engine, deliveries: HttpDeliveries, *, error: str = "") -> Page:
    shown = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    with engine.lock:
        counts = ", ".join(
            f"{len(ids)} {escape(kind)}"
            for kind, ids in sorted(engine.state.by_kind.items())
            if ids and kind != "event"
        )
        content = f"""<section><h1>Stripe sandbox</h1>{shown}
<p class="muted">{counts or "Nothing yet."}</p></section>
<div class="three">{_clock(engine)}{_next_payment(engine)}{_webhooks(deliveries)}</div>
{payments(engine)}{disputes(engine)}{subscriptions(engine)}{events(engine, deliveries)}"""
    return page("Stripe sandbox", content, status=400 if error else 200, wide=True)


def _clock(engine: Engine) -> str:
    buttons = "".join(
        button("advance", f"+ 1 {interval}", plain=True, interval=interval)
        for interval in INTERVALS
    )
    return f"""<section><h2>Clock</h2><p><time>{moment(engine.now)}</time> UTC</p>
<div class="buttons">{buttons}</div></section>"""


def _next_payment(engine: Engine) -> str:
    options = "".join(f"<option>{code}</option>" for code in DECLINES)
    waiting = ""
    if engine.state.declines:
        named = escape(", ".join(engine.state.declines))
        waiting = f"<p>Will fail: {named}</p>" + button("decline", "Let it succeed", code="")
    return f"""<section><h2>Next payment</h2>{waiting}
<form method="post" action="/"><input type="hidden" name="action" value="decline">
<label for="code">Decline code</label><select id="code" name="code">{options}</select>
<button class="plain" type="submit">Fail the next payment</button></form></section>"""


def _webhooks(deliveries: HttpDeliveries) -> str:
    count = len(deliveries.waiting)
    if deliveries.is_holding:
        switch = button("hold", "Let them go", holding="false")
    else:
        switch = button("hold", "Hold them back", plain=True, holding="true")
    drop = button("drop", f"Drop the {count} that wait", plain=True) if count else ""
    state = "held back" if deliveries.is_holding else "delivered as they come"
    return f"""<section><h2>Webhooks</h2><p>{count} waiting, {state}.</p>
<div class="buttons">{switch}{drop}</div></section>"""
