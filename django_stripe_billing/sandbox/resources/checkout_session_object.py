"""How a Checkout Session and its line items look. https://docs.stripe.com/api/checkout/sessions/object"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..state import StripeObject
from . import checkout_invoices, checkout_page_options
from .metadata import merged

if TYPE_CHECKING:
    from ..engine import Engine


def build(
    engine: Engine,
    params: dict[str, Any],
    *,
    mode: str,
    lines: list[StripeObject],
    expires_at: int,
) -> StripeObject:
    session_id = engine.state.new_id("cs_test_", length=58)
    total = None if mode == "setup" else 0
    is_taxed = bool((params.get("automatic_tax") or {}).get("enabled"))
    ui_mode = params.get("ui_mode", "hosted_page")
    return {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": params.get("allow_promotion_codes"),
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {
            "enabled": is_taxed,
            "liability": {"type": "self"} if is_taxed else None,
            "provider": "stripe" if is_taxed else None,
            "status": "requires_location_inputs" if is_taxed else None,
        },
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "created": engine.now,
        "currency": lines[0]["currency"] if lines else params.get("currency"),
        "currency_conversion": None,
        "customer": params.get("customer"),
        "customer_account": None,
        "customer_creation": None
        if mode == "subscription" or "customer" in params
        else params.get("customer_creation", "if_required"),
        "customer_details": {
            "address": None,
            "business_name": None,
            "email": params.get("customer_email"),
            "individual_name": None,
            "name": None,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": None,
        },
        "customer_email": params.get("customer_email"),
        "discounts": [],
        "expires_at": expires_at,
        "integration_identifier": params.get("integration_identifier"),
        "invoice": None,
        "invoice_creation": checkout_invoices.wanted(params, mode),
        "livemode": False,
        "locale": params.get("locale"),
        "managed_payments": {"enabled": False},
        "metadata": merged({}, params.get("metadata", {})),
        "mode": mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": params.get("payment_method_collection", "always")
        if mode == "subscription"
        else "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": _types(params, lines, mode),
        "payment_status": "unpaid",
        "permissions": None,
        "presentment_details": None,
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params.get("success_url"),
        **_tax_ids(params),
        **checkout_page_options.shown(params),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": ui_mode,
        "url": f"{engine.base_url}/c/pay/{session_id}" if ui_mode == "hosted_page" else None,
        "wallet_options": None,
    }


def _types(params: dict[str, Any], lines: list[StripeObject], mode: str) -> list[str]:
    """What the customer may pay with: cards, and for one-off payments in euros SEPA debits."""
    if params.get("payment_method_types"):
        return list(params["payment_method_types"])
    is_in_euros = bool(lines) and lines[0]["currency"] == "eur"
    found = ["card", "sepa_debit"] if mode == "payment" and is_in_euros else ["card"]
    allowed = params.get("allowed_payment_method_types") or found
    refused = params.get("excluded_payment_method_types") or []
    return [kind for kind in found if kind in allowed and kind not in refused]


def _tax_ids(params: dict[str, Any]) -> StripeObject:
    """Shown only where it was asked for."""
    given = params.get("tax_id_collection")
    if given is None:
        return {}
    return {
        "tax_id_collection": {
            "enabled": given["enabled"],
            "required": given.get("required", "never"),
        }
    }
