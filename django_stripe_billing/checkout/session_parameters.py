"""What Stripe is asked for when a checkout is opened."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from ..conf import settings
from ..models import CheckoutSession, Price
from ..rules.catalog import PriceTerms, access_days_of
from ..rules.json_values import customer_parameter
from ..rules.payment_snapshots import FOR_GOOD, SOLD_DAYS

CHECKOUT = "django_stripe_billing_checkout"
"""The metadata key by which a session is found again whose creation was answered with 5xx."""


def session_parameters(request: HttpRequest, row: CheckoutSession) -> dict[str, Any]:
    """The parameters of the row's session. One query.

    https://docs.stripe.com/api/checkout/sessions/create
    """
    price = Price.objects.select_related("product").get(account=row.account, stripe_id=row.price_id)
    back = request.build_absolute_uri(reverse("stripe_billing:checkout_return"))
    params: dict[str, Any] = {
        "mode": row.mode,
        customer_parameter(str(row.customer.stripe_id)): row.customer.stripe_id,
        "line_items": [{"price": row.price_id, "quantity": row.quantity}],
        "success_url": f"{back}?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": request.build_absolute_uri(settings.PRICING_URL),
        "metadata": {CHECKOUT: str(row.pk)},
    }
    params.update(_purchase(row, price) if row.mode == "payment" else _plan(row, price.terms))
    params.update(_taxes())
    if settings.ALLOW_PROMOTION_CODES:  # excludes `discounts`: the code is typed in at Stripe's
        params["allow_promotion_codes"] = True
    return params


def _taxes() -> dict[str, Any]:
    """What STRIPE_BILLING asks of Checkout for taxes.

    Both need the customer's address or name, which only Checkout knows: it writes them back.
    https://docs.stripe.com/tax/checkout
    """
    params: dict[str, Any] = {}
    if settings.AUTOMATIC_TAX:
        params["automatic_tax"] = {"enabled": True}
        params["customer_update"] = {"address": "auto"}
    if settings.TAX_ID_COLLECTION:
        params["tax_id_collection"] = {"enabled": True}
        params["customer_update"] = {**params.get("customer_update", {}), "name": "auto"}
    return params


def _purchase(row: CheckoutSession, price: Price) -> dict[str, Any]:
    """What a session in `payment` mode has besides: the days that are sold, kept at Stripe, so that
    a change of the catalog changes nothing for who has bought."""
    days = access_days_of(price.product.metadata)
    metadata = {CHECKOUT: str(row.pk), SOLD_DAYS: FOR_GOOD if days is None else str(days)}
    return {"metadata": metadata, "payment_intent_data": {"metadata": metadata, **row.split}}


def _plan(row: CheckoutSession, terms: PriceTerms) -> dict[str, Any]:
    """What a session in `subscription` mode has besides: who gets what, and its trial.

    https://docs.stripe.com/payments/checkout/free-trials
    """
    data: dict[str, Any] = dict(row.split)
    if not row.trial_days:
        return {"subscription_data": data} if data else {}
    data["trial_period_days"] = row.trial_days
    if not terms.is_trial_without_card:
        return {"subscription_data": data}
    data["trial_settings"] = {"end_behavior": {"missing_payment_method": terms.trial_end}}
    return {"subscription_data": data, "payment_method_collection": "if_required"}
