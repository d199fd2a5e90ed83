"""The hosted invoice page, where an open invoice can be paid, and its PDF."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from ..cards import NUMBERS
from ..errors import SandboxError
from ..resources import invoice_payments
from ..state import StripeObject
from . import pdf
from .html import Page, money, not_found, page, redirect

if TYPE_CHECKING:
    from ..engine import Engine


def answer(engine: Engine, secret: str, method: str, form: dict[str, str]) -> Page:
    """Show an invoice, or pay it."""
    invoice = _find(engine, secret)
    if invoice is None:
        return not_found()
    if method != "POST" or invoice["status"] != "open":
        return _show(engine, invoice)
    number = "".join(form.get("card_number", "").split())
    if number not in NUMBERS:
        error = "Your card number is invalid. Try 4242 4242 4242 4242."
        return _show(engine, invoice, error=error)
    try:
        _pay(engine, invoice, card=f"pm_card_{NUMBERS[number]}")
    except SandboxError as error:
        if error.code == "invoice_payment_intent_requires_action":
            return _authenticate(engine, invoice, secret)
        return _show(engine, invoice, error=str(error))
    return redirect(f"/i/{secret}")


def answer_pdf(engine: Engine, secret: str) -> Page:
    """The invoice as a PDF."""
    invoice = _find(engine, secret)
    if invoice is None:
        return not_found()
    text = [
        "Invoice (sandbox: no money moves)",
        f"{invoice['number']} - {invoice['status']}",
        _day(invoice["created"]),
        invoice["customer_email"] or invoice["customer"],
        "",
        *(
            f"{line['description'] or 'Item'}   {money(line['amount'], line['currency'])}"
            for line in invoice["lines"]["data"]
        ),
        "",
        f"Total {money(invoice['total'], invoice['currency'])}",
        f"Amount due {money(invoice['amount_due'], invoice['currency'])}",
        f"Paid {money(invoice['amount_paid'], invoice['currency'])}",
    ]
    return Page(content=pdf.document(text), content_type="application/pdf")


def _find(engine: Engine, secret: str) -> StripeObject | None:
    with engine.lock:
        for invoice in engine.state.all("invoice"):
            if secret and engine.state.notes[invoice["id"]].get("secret") == secret:
                return invoice
    return None


def _pay(engine: Engine, invoice: StripeObject, *, card: str) -> None:
    """Raises SandboxError when the card is declined."""
    method = engine.call(
        "POST", f"/v1/payment_methods/{card}/attach", {"customer": invoice["customer"]}
    )
    path = f"/v1/invoices/{invoice['id']}/pay"
    engine.call("POST", path, {"payment_method": method["id"], "off_session": False})


def _authenticate(engine: Engine, invoice: StripeObject, secret: str) -> Page:
    """The bank's page comes first, and leads back here."""
    with engine.lock:
        intent = invoice_payments.intent_of(engine, invoice)
        assert intent is not None  # noqa: S101 - the invoice is open
        engine.state.notes[intent["id"]]["return_url"] = f"{engine.base_url}/i/{secret}"
    return redirect(f"/3ds/{intent['id']}")


def _show(engine: Engine, invoice: StripeObject, *, error: str = "") -> Page:
    with engine.lock:
        currency, status = invoice["currency"], invoice["status"]
        rows = "".join(
            f"<tr><td>{escape(line['description'] or 'Item')}</td>"
            f"<td>{money(line['amount'], currency)}</td></tr>"
            for line in invoice["lines"]["data"]
        )
        state = f"{status}, due {_day(invoice['due_date'])}" if invoice["due_date"] else status
        is_paid = status == "paid"
        shown_amount = invoice["amount_paid" if is_paid else "amount_remaining"]
        head = (
            f"<section><h1>Invoice {escape(invoice['number'])}</h1>"
            f'<p class="amount">{money(shown_amount, currency)}</p>'
            f'<p class="muted">{escape(state)}</p><table>{rows}</table>'
            f'<p><a href="{escape(invoice["invoice_pdf"])}">Download the PDF</a></p></section>'
        )
    shown = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    form = (
        f"""<section><h2>Pay with card</h2>{shown}
<form method="post"><label for="card_number">Card number</label>
<input id="card_number" name="card_number" inputmode="numeric" autocomplete="off"
 value="4242 4242 4242 4242" required>
<button class="wide" type="submit">Pay {money(invoice["amount_remaining"], currency)}</button>
</form></section>"""
        if status == "open"
        else ""
    )
    return page("Invoice", head + form, status=402 if error else 200)


def _day(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%-d %B %Y")
