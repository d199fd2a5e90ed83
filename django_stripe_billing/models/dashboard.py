from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .subscriptions import Subscription


class Dashboard(Subscription):
    """No table: the dashboard's place among the admin's pages, and who may see it."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("dashboard")
        verbose_name_plural = _("dashboard")


class KeptFigures(models.Model):
    """The dashboard's figures of a large account, as they were counted last: one row of it.

    It can be deleted at any time: the next reader counts anew.
    """

    account = models.CharField(
        _("account"), max_length=64, blank=True, default="", unique=True, editable=False
    )
    figures = models.JSONField(_("figures"), editable=False)
    taken_at = models.DateTimeField(_("counted"), editable=False)
    claimed_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("Until then, one process counts anew and the others wait for it."),
    )

    class Meta:
        verbose_name = _("kept figures")
        verbose_name_plural = _("kept figures")
        default_permissions = ()

    def __str__(self) -> str:
        return f"figures of {self.taken_at:%Y-%m-%d %H:%M}"
