from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .customers import Customer


def new_identifier() -> str:
    return uuid.uuid4().hex


class Meter(models.Model):
    """One of Stripe's meters, as it was when usage was sent."""

    account = models.CharField(_("account"), max_length=64, blank=True, default="")
    event_name = models.CharField(_("event name"), max_length=100)
    stripe_id = models.CharField(
        _("Stripe id"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("mtr_…; empty where Stripe has no such meter."),
    )
    formula = models.CharField(
        _("formula"), max_length=16, blank=True, default="", help_text=_("sum, count or last")
    )
    read_at = models.DateTimeField(_("read"))

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        ordering = ["event_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "event_name"], name="stripe_billing_meter_name"
            )
        ]

    def __str__(self) -> str:
        return self.event_name


class UsageRecord(models.Model):
    """A usage of a metered feature, on its way to Stripe: the outbox of `usage.report`.

    Written in the transaction that used something, sent by `manage.py send_usage`. Stripe counts an
    identifier once, and so do we.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("to be sent")
        SENT = "sent", _("sent")
        REFUSED = "refused", _("refused by Stripe")
        UNCLEAR = "unclear", _("may have arrived: to be decided by a person")

    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="usage", verbose_name=_("customer")
    )
    meter = models.CharField(
        _("meter"), max_length=100, help_text=_("The event name of the meter in Stripe.")
    )
    value = models.DecimalField(_("value"), max_digits=24, decimal_places=6)
    at = models.DateTimeField(_("used"))
    identifier = models.CharField(
        _("identifier"), max_length=100, unique=True, default=new_identifier
    )
    state = models.CharField(
        _("state"), max_length=16, choices=State, default=State.PENDING, db_index=True
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    first_tried_at = models.DateTimeField(_("first tried"), null=True, blank=True)
    is_uncertain = models.BooleanField(
        _("may have arrived"),
        default=False,
        help_text=_("An attempt was not answered, so Stripe may have counted it."),
    )
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    created_at = models.DateTimeField(_("reported"), default=timezone.now)

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")
        ordering = ["-pk"]
        permissions = [("send_usage", _("Can send a usage record again"))]
        indexes = [
            models.Index(fields=["customer", "meter", "at"], name="stripe_billing_usage_at"),
            models.Index(fields=["state", "id"], name="stripe_billing_usage_outbox"),
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.value.normalize():f}"
