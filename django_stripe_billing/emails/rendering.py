"""The text of an e-mail: the rows and facts behind it, in three templates of its kind."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from ..conf import settings
from ..models import EmailMessage, Product, Subscription
from ..models.mirrored import to_datetime
from ..money import formatted
from .wishes import language_of

MOMENTS = ("next_attempt", "at", "ended")
"""Facts that are Unix seconds; templates get them as `…_at`, or `at` itself."""


def context_of(row: EmailMessage) -> dict[str, Any]:
    """What the templates, and the project's own switches, are given."""
    facts = dict(row.facts)
    subscription = row.subscription or _subscription_of(row)
    invoice = row.invoice
    return {
        "kind": row.kind,
        "language": language_of(row.customer),
        "customer": row.customer,
        "subscriber": row.customer.subscriber,
        "subscription": subscription,
        "invoice": invoice,
        "payment": row.payment,
        "product_name": _product_names(row, subscription),
        "amount_minor": facts.get("amount"),
        "currency": facts.get("currency", ""),
        "pay_url": invoice.hosted_invoice_url if invoice else "",
        "pdf_url": invoice.invoice_pdf if invoice else "",
        "manage_url": _absolute(settings.PORTAL_RETURN_URL),
        **{
            name if name == "at" else f"{name}_at": to_datetime(facts.get(name)) for name in MOMENTS
        },
    }


def render(kind: str, context: dict[str, Any]) -> tuple[str, str, str]:
    """Subject, text and HTML, in the customer's language."""
    folder = f"stripe_billing/email/{kind}"
    with translation.override(context["language"]):
        amount = context["amount_minor"]
        context = {
            **context,
            "amount": "" if amount is None else formatted(amount, context["currency"]),
        }
        subject = " ".join(render_to_string(f"{folder}.subject.txt", context).split())
        text = render_to_string(f"{folder}.txt", context).strip() + "\n"
        return subject, text, render_to_string(f"{folder}.html", context)


def _subscription_of(row: EmailMessage) -> Subscription | None:
    if row.invoice is None or not row.invoice.subscription_id:
        return None
    own = Subscription.objects.filter(account=row.account, customer_id=row.customer_id)
    return own.filter(stripe_id=row.invoice.subscription_id).first()


def _product_names(row: EmailMessage, subscription: Subscription | None) -> str:
    """What it is about: the products of the invoice or payment, else of the subscription."""
    wanted: list[str] = list(row.invoice.product_ids) if row.invoice else []
    if row.payment is not None:
        wanted = list(row.payment.items.values_list("product_id", flat=True))
    if not wanted and subscription is not None:
        wanted = list(subscription.items.values_list("product_id", flat=True))
    products = Product.objects.filter(account=row.account, stripe_id__in=wanted).order_by("pk")
    return ", ".join(product.name for product in products if product.name)


def _absolute(url: Any) -> str:
    """The address, where it can be followed from an e-mail; else ''."""
    return str(url) if str(url).startswith(("https://", "http://")) else ""
