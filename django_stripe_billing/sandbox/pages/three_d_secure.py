"""The bank's page: a payment or setup intent that waits for 3D Secure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ..errors import SandboxError
from ..state import StripeObject
from .checkout_form import challenge
from .html import Page, not_found, page, redirect

if TYPE_CHECKING:
    from ..engine import Engine


def answer(engine: Engine, intent_id: str, method: str, form: dict[str, str]) -> Page:
    """Ask whether it is the cardholder, and go back to the shop with the answer."""
    with engine.lock:
        intent = engine.state.objects.get(intent_id)
        if intent is None or intent["object"] not in {"payment_intent", "setup_intent"}:
            return not_found()
        if intent["status"] != "requires_action":
            return _over(f"Its status is {intent['status']}.")
        if method != "POST":
            return challenge()
        return_url = engine.state.notes[intent_id].get("return_url")
    try:
        engine.authenticate(intent_id, succeeds=form.get("action") == "authenticate")
    except SandboxError as error:
        return _over(str(error))
    if return_url is None:
        return _over("You can close this page.")
    return redirect(_with_intent(return_url, intent))


def _over(message: str) -> Page:
    return page("3D Secure", f"<section><h1>Done</h1><p>{escape(message)}</p></section>")


def _with_intent(return_url: str, intent: StripeObject) -> str:
    """Stripe adds the intent's id and client secret to the way back."""
    kind = intent["object"]
    query = urlencode(
        {
            kind: intent["id"],
            f"{kind}_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
        }
    )
    return f"{return_url}{'&' if '?' in return_url else '?'}{query}"
