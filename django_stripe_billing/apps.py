from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class StripeBillingConfig(AppConfig):
    name = "django_stripe_billing"
    label = "stripe_billing"
    verbose_name = _("Stripe billing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - importing registers the system checks

        if apps.is_installed("drf_spectacular"):
            from .api import schema  # noqa: F401 - importing registers the views' description
