"""Looking into what is stored, and asking Stripe again."""

from . import (  # noqa: F401 - importing registers
    catalog,
    customers,
    dashboard,
    drift,
    emails,
    entitlements,
    events,
    grants,
    invoices,
    payments,
    runs,
    subscriptions,
    usage,
)
