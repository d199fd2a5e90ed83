"""Looking into what is stored, and asking Stripe again."""

from . import catalog, customers, entitlements, events, subscriptions  # noqa: F401 - registers
