"""Stripe's resources, a file each: how an object is born, and what may be done to it."""

from __future__ import annotations

from ..routes import routes
from . import (
    active_entitlements,
    checkout_sessions,
    customer_balances,
    customers,
    events,
    features,
    invoice_item_operations,
    invoice_operations,
    invoice_payments,
    invoice_previews,
    payment_intents,
    payment_methods,
    payment_pages,
    portal_sessions,
    prices,
    product_features,
    products,
    subscription_item_operations,
    subscription_schedules,
    subscriptions,
    test_clocks,
)

_MODULES = (
    active_entitlements,
    checkout_sessions,
    customer_balances,
    customers,
    events,
    features,
    invoice_item_operations,
    invoice_operations,
    invoice_payments,
    invoice_previews,
    payment_intents,
    payment_methods,
    payment_pages,
    portal_sessions,
    prices,
    product_features,
    products,
    subscription_item_operations,
    subscription_schedules,
    subscriptions,
    test_clocks,
)

ROUTES = sorted(
    (route for module in _MODULES for route in routes(module.OPERATIONS)),
    key=lambda route: route.name.count("{id}"),
)
"""A path without ids is looked for before one that an id would fit into."""

INCLUDE = {
    ("checkout.session", "line_items"): checkout_sessions.included_line_items,
    ("customer", "subscriptions"): subscriptions.of_customer,
    ("invoice", "payments"): invoice_payments.of_invoice,
}
"""Fields that an object shows only when they are expanded."""
