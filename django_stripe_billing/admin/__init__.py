"""Looking into what is stored, and asking Stripe again."""

from . import catalog, customers, drift, entitlements, events, runs, subscriptions  # noqa: F401 - registers
