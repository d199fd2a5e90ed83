"""Stripe's resources, a file each: how an object is born, and what may be done to it."""

from __future__ import annotations

from ..routes import routes
from . import (
    account,
    active_entitlements,
    checkout_sessions,
    customers,
    events,
    features,
    invoices,
    payment_intents,
    payment_methods,
    payment_pages,
    portal_sessions,
    prices,
    product_features,
    products,
    subscription_items,
    subscriptions,
)

_MODULES = (
    account,
    active_entitlements,
    checkout_sessions,
    customers,
    events,
    features,
    invoices,
    payment_intents,
    payment_methods,
    payment_pages,
    portal_sessions,
    prices,
    product_features,
    products,
    subscription_items,
    subscriptions,
)

ROUTES = [route for module in _MODULES for route in routes(module.OPERATIONS)]

INCLUDE = {
    ("checkout.session", "line_items"): checkout_sessions.included_line_items,
    ("customer", "subscriptions"): subscriptions.of_customer,
}
"""Fields that an object shows only when they are expanded."""
