"""How the hosted checkout page looks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..cards import CARDS, IBANS
from ..resources.checkout_completion import needs_method
from ..state import StripeObject
from .html import Page, money, page

if TYPE_CHECKING:
    from ..engine import Engine

SHOWN_CARDS = {
    "visa": "pays",
    "mastercard": "pays",
    "chargeDeclined": "is declined",
    "chargeDeclinedInsufficientFunds": "has insufficient funds",
    "chargeDeclinedExpiredCard": "has expired",
    "chargeDeclinedIncorrectCvc": "has another security code",
    "chargeCustomerFail": "is saved, and declined when it is charged",
    "authenticationRequiredOnSetup": "asks for 3D Secure once",
    "authenticationRequired": "asks for 3D Secure always",
    "createDispute": "pays, and is disputed as fraudulent",
    "createDisputeInquiry": "pays, and its bank inquires",
    "refundFail": "pays, and a refund fails",
}


def form_page(
    engine: Engine, session: StripeObject, *, form: dict[str, str] | None = None, error: str = ""
) -> Page:
    """The open session as a form."""
    values = form or {}
    shown = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    content = f"""<form id="promotion" method="post"></form><form method="post" class="two">
<button class="default" type="submit" name="action" value="pay" tabindex="-1">Pay</button>
<section>{_summary(engine, session)}</section>
<section><h2>{_heading(session)}</h2>{shown}{_fields(session, values)}
<button class="wide" type="submit" name="action" value="pay">{_button(engine, session)}</button>
</section></form>"""
    return page("Checkout", content, status=402 if error else 200, wide=True)


def _heading(session: StripeObject) -> str:
    if not needs_method(session):
        return "Nothing to pay"
    return "Save a card" if session["mode"] == "setup" else "Pay with card"


def _button(engine: Engine, session: StripeObject) -> str:
    data = engine.state.notes[session["id"]]["params"].get("subscription_data") or {}
    if session["mode"] == "subscription":
        return "Start trial" if "trial_period_days" in data or "trial_end" in data else "Subscribe"
    return "Save card" if session["mode"] == "setup" else "Pay"


def _summary(engine: Engine, session: StripeObject) -> str:
    cancel = (
        f'<p><a href="{escape(session["cancel_url"])}">Cancel and go back</a></p>'
        if session["cancel_url"]
        else ""
    )
    if session["mode"] == "setup":
        return f"<h1>Save a payment method</h1><p>Nothing is charged today.</p>{cancel}"
    notes = engine.state.notes[session["id"]]
    days = (notes["params"].get("subscription_data") or {}).get("trial_period_days")
    trial = f'<p class="muted">{days} days free, then as above.</p>' if days else ""
    rows = "".join(_row(line) for line in notes["lines"])
    update = ""
    if any(line["adjustable_quantity"] for line in notes["lines"]) or session.get("optional_items"):
        update = (
            '<button class="plain" type="submit" name="action" value="update"'
            " formnovalidate>Update</button>"
        )
    return f"""<h1>Due today</h1>
<p class="amount">{money(session["amount_total"], session["currency"])}</p>
<table>{rows}{_discount_row(engine, session)}</table>
{_optional(engine, session)}{update}{trial}{_promotion(session)}{cancel}"""


def _row(line: StripeObject) -> str:
    quantity = "as used" if line["quantity"] is None else f"&times; {line['quantity']}"
    bounds = line["adjustable_quantity"]
    if bounds:
        quantity = (
            f'<input type="number" name="quantity-{escape(line["id"])}"'
            f' aria-label="Quantity" value="{line["quantity"]}"'
            f' min="{bounds["minimum"]}" max="{bounds["maximum"]}">'
        )
    price = line["price"]
    each = (price["unit_amount"] or 0) * (1 if line["quantity"] is None else line["quantity"])
    return (
        f"<tr><td>{escape(line['description'])}</td><td>{quantity}</td>"
        f"<td>{money(each, line['currency'])}{_interval(price)}</td></tr>"
    )


def _discount_row(engine: Engine, session: StripeObject) -> str:
    if not session["discounts"]:
        return ""
    coupon, promotion = engine.state.notes[session["id"]]["discount"]
    name = promotion["code"] if promotion is not None else coupon["name"] or coupon["id"]
    amount = session["total_details"]["amount_discount"]
    return (
        f"<tr><td>Discount {escape(name)}</td><td></td>"
        f"<td>&minus;{money(amount, session['currency'])}</td></tr>"
    )


def _optional(engine: Engine, session: StripeObject) -> str:
    entries = session.get("optional_items") or []
    if not entries:
        return ""
    chosen = engine.state.notes[session["id"]].get("chosen", {})
    boxes = ""
    for entry in entries:
        price = engine.state.objects[entry["price"]]
        name = engine.state.objects[price["product"]]["name"]
        checked = " checked" if entry["price"] in chosen else ""
        boxes += (
            f'<label class="check"><input type="checkbox" name="optional-{escape(price["id"])}"'
            f' value="1"{checked}> Add {escape(name)}'
            f" ({money(price['unit_amount'], price['currency'])}{_interval(price)})</label>"
        )
    return f'<input type="hidden" name="optional" value="1">{boxes}'


def _promotion(session: StripeObject) -> str:
    if not session["allow_promotion_codes"]:
        return ""
    if session["discounts"]:
        return (
            '<button class="plain" type="submit" form="promotion" name="action" value="remove">'
            "Remove the promotion code</button>"
        )
    return (
        '<label for="promotion_code">Promotion code</label>'
        '<input id="promotion_code" form="promotion" name="promotion_code" autocomplete="off">'
        '<button class="plain" type="submit" form="promotion" name="action" value="promotion">'
        "Apply</button>"
    )


def _fields(session: StripeObject, values: dict[str, str]) -> str:
    fields = ""
    if session["customer"] is None and not session["customer_email"]:
        fields += _input("email", "E-mail", values.get("email", ""), kind="email")
    if (session.get("tax_id_collection") or {}).get("enabled"):
        fields += _input("tax_id", "Tax id (optional)", values.get("tax_id", ""))
    if not needs_method(session):
        return f"{fields}<p>No card is needed.</p>"
    takes_debits = "sepa_debit" in session["payment_method_types"]
    label = "Card number or IBAN" if takes_debits else "Card number"
    number = values.get("card_number", "4242 4242 4242 4242")
    return (
        fields
        + f'<label for="card_number">{label}</label>'
        + '<input id="card_number" name="card_number" list="test-cards" autocomplete="off"'
        + f' value="{escape(number)}" required>'
        + f'<datalist id="test-cards">{_options(takes_debits=takes_debits)}</datalist>'
        + f"<details><summary>Test cards</summary><table>{_card_rows()}</table></details>"
    )


def _input(name: str, label: str, value: str, *, kind: str = "text") -> str:
    return (
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}">'
    )


def _options(*, takes_debits: bool) -> str:
    options = "".join(
        f'<option value="{_spaced(CARDS[name].number)}">{escape(what)}</option>'
        for name, what in SHOWN_CARDS.items()
    )
    if takes_debits:
        options += "".join(f'<option value="{number}">SEPA debit</option>' for number in IBANS)
    return options


def _card_rows() -> str:
    return "".join(
        f"<tr><td>{_spaced(CARDS[name].number)}</td><td>{escape(what)}</td></tr>"
        for name, what in SHOWN_CARDS.items()
    )


def _spaced(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _interval(price: StripeObject) -> str:
    recurring = price["recurring"]
    if recurring is None:
        return ""
    count = recurring["interval_count"]
    return f" / {recurring['interval']}" if count == 1 else f" / {count} {recurring['interval']}s"


def authentication(form: dict[str, str]) -> Page:
    """The bank's page between the form and the payment; it carries the form on."""
    carried = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in form.items()
        if name in {"card_number", "email", "name", "tax_id"}
    )
    return challenge(carried)


def challenge(carried: str = "") -> Page:
    """3D Secure: pass or fail."""
    content = f"""<section><h1>3D Secure</h1>
<p>Your bank wants to know whether it is you who pays.</p>
<form method="post">{carried}
<button class="wide" type="submit" name="action" value="authenticate">Yes, it is me</button>
<button class="wide plain" type="submit" name="action" value="refuse">No: let it fail</button>
</form></section>"""
    return page("3D Secure", content)
