from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from .subscriptions import Subscription


class Dashboard(Subscription):
    """No table: the dashboard's place among the admin's pages, and who may see it."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")
