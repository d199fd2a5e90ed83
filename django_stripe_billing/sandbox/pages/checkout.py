"""The hosted checkout page: lines, discounts, the card, 3D Secure. Works without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cards import IBANS, NUMBERS
from ..errors import SandboxError
from ..resources import checkout_lines, promotion_codes
from ..resources.checkout_completion import needs_method
from ..state import StripeObject
from .checkout_form import authentication, form_page
from .html import Page, not_found, page, redirect

if TYPE_CHECKING:
    from ..engine import Engine

Form = dict[str, str]


def answer(engine: Engine, session_id: str, method: str, form: Form) -> Page:
    """Show an open session, change it, or pay it."""
    with engine.lock:
        session = engine.state.objects.get(session_id)
        if session is None or session["object"] != "checkout.session":
            return not_found()
        if session["status"] == "complete" and method == "POST":
            return redirect(success_url(session))
        if session["status"] != "open":
            return page(
                "Checkout",
                "<section><h1>This checkout is over</h1>"
                "<p>You were not charged again. Go back to the shop.</p></section>",
                status=410,
            )
        if method != "POST":
            return form_page(engine, session)
        try:
            return _act(engine, session, form)
        except SandboxError as error:
            return form_page(engine, session, form=form, error=str(error))


def _act(engine: Engine, session: StripeObject, form: Form) -> Page:
    action = form.get("action", "pay")
    if action == "refuse":
        raise SandboxError("We are unable to authenticate your payment method.")
    if action in {"pay", "update", "promotion"} and session["mode"] != "setup":
        _change(engine, session, form)
    if action == "promotion":
        _apply_code(engine, session, form.get("promotion_code", ""))
    elif action == "remove":
        checkout_lines.set_discount(engine, session, {})
    elif action in {"pay", "authenticate"}:
        return _pay(engine, session, form, is_authenticated=action == "authenticate")
    return form_page(engine, session, form=form)


def _change(engine: Engine, session: StripeObject, form: Form) -> None:
    """Quantities and optional items, as far as the form shows them."""
    quantities = {
        name.removeprefix("quantity-"): _whole(value)
        for name, value in form.items()
        if name.startswith("quantity-")
    }
    optional = None
    if "optional" in form:
        optional = {name.removeprefix("optional-") for name in form if name.startswith("optional-")}
    checkout_lines.change(engine, session, quantities=quantities, optional=optional)


def _whole(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 6:
        raise SandboxError("A quantity is a whole number.", param="quantity")
    return int(value)


def _apply_code(engine: Engine, session: StripeObject, code: str) -> None:
    found = promotion_codes.find_active(engine, code)
    if not session["allow_promotion_codes"] or found is None:
        raise SandboxError("This code is invalid.")
    checkout_lines.set_discount(engine, session, {"promotion_code": found["id"]})


def _pay(engine: Engine, session: StripeObject, form: Form, *, is_authenticated: bool) -> Page:
    number = "".join(form.get("card_number", "").split()).upper()
    if tax_id := form.get("tax_id", "").strip():
        session["customer_details"]["tax_ids"] = [{"type": "unknown", "value": tax_id}]
    try:
        engine.complete_checkout(
            session["id"],
            payment_method=_method(engine, session, number, form),
            email=form.get("email", ""),
            is_authenticated=is_authenticated,
        )
    except SandboxError as error:
        if error.code == "authentication_required" and not is_authenticated:
            return authentication(form)
        raise
    return redirect(success_url(session))


def _method(engine: Engine, session: StripeObject, number: str, form: Form) -> str:
    """The payment method of what was typed in; '' where none is needed and none was given."""
    if not number and not needs_method(session):
        return ""
    details = {"email": form.get("email") or None, "name": form.get("name") or None}
    if number in IBANS and "sepa_debit" in session["payment_method_types"]:
        given = {"type": "sepa_debit", "sepa_debit": {"iban": number}}
    elif number in NUMBERS:
        given = {"type": "card", "card": {"number": number}}
    else:
        raise SandboxError("Your card number is invalid. Try 4242 4242 4242 4242.")
    made = engine.call("POST", "/v1/payment_methods", {**given, "billing_details": details})
    return str(made["id"])


def success_url(session: StripeObject) -> str:
    return str(session["success_url"] or "/").replace("{CHECKOUT_SESSION_ID}", session["id"])
