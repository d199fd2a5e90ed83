"""Is the installed distribution whole? Runs in an environment that has nothing else."""

import django
from django.conf import settings

settings.configure(
    DEBUG=True,
    SECRET_KEY="only-for-the-check",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "rest_framework",
        "django_stripe_billing",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    TEMPLATES=[
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
    ],
    USE_TZ=True,
    STATIC_URL="/static/",
    STRIPE_BILLING={"API_KEY": "sk_test_check", "WEBHOOK_SECRETS": ["whsec_check"]},
)
django.setup()

from django.contrib.staticfiles import finders  # noqa: E402 - after setup
from django.core.management import call_command  # noqa: E402 - after setup
from django.template.loader import get_template  # noqa: E402 - after setup
from django.utils import translation  # noqa: E402 - after setup

import django_stripe_billing.api.urls  # noqa: E402 - after setup
import django_stripe_billing.urls  # noqa: E402 - after setup
from django_stripe_billing.sandbox import Engine  # noqa: E402 - after setup

call_command("migrate", verbosity=0)
get_template("stripe_billing/checkout_return.html")
with translation.override("de"):
    if translation.gettext("Plans and prices") != "Tarife und Preise":
        raise SystemExit("The catalogs are missing.")
if not finders.find("stripe_billing/billing.css"):
    raise SystemExit("The stylesheet is missing.")
Engine().call("POST", "/v1/products", {"name": "needs parameters.json"})
print(f"{django_stripe_billing.__path__[0]} works")
