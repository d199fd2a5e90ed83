"""Settings of the real command in a process of its own: a database in a file, Stripe over HTTP."""

import os

from tests.settings import *  # noqa: F403 - all of them
from tests.settings import STRIPE_BILLING

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["RECONCILE_DATABASE"],
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
STRIPE_BILLING = {
    **STRIPE_BILLING,
    "API_KEY": "sk_test_stripe_sandbox",
    "API_BASE": os.environ["RECONCILE_API_BASE"],
    "WEBHOOK_SECRETS": ["whsec_stripe_sandbox"],
}
