"""Stripe's resources, a file each: how an object is born, and what may be done to it."""

from __future__ import annotations

from ..routes import routes
from . import (
    account,
    active_entitlements,
    balance_transactions,
    bank_transfers,
    charges,
    checkout_sessions,
    coupons,
    customers,
    discounts,
    disputes,
    events,
    features,
    invoices,
    meter_events,
    meters,
    payment_intents,
    payment_methods,
    payment_pages,
    portal_configurations,
    portal_sessions,
    prices,
    product_features,
    products,
    promotion_codes,
    refunds,
    setup_intents,
    sources,
    subscription_items,
    subscriptions,
    webhook_endpoints,
)

_MODULES = (
    account,
    active_entitlements,
    balance_transactions,
    bank_transfers,
    charges,
    checkout_sessions,
    coupons,
    customers,
    discounts,
    disputes,
    events,
    features,
    invoices,
    meter_events,
    meters,
    payment_intents,
    payment_methods,
    payment_pages,
    portal_configurations,
    portal_sessions,
    prices,
    product_features,
    products,
    promotion_codes,
    refunds,
    setup_intents,
    sources,
    subscription_items,
    subscriptions,
    webhook_endpoints,
)

ROUTES = [route for module in _MODULES for route in routes(module.OPERATIONS)]

INCLUDE = {
    ("charge", "refunds"): refunds.of_charge,
    ("checkout.session", "line_items"): checkout_sessions.included_line_items,
    ("coupon", "applies_to"): coupons.applies_to,
    ("customer", "subscriptions"): subscriptions.of_customer,
}
"""Fields that an object shows only when they are expanded."""
