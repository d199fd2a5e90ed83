from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.Model):
    """A Stripe event that was received, verified, and stored: the processed-event log.

    `account` is the connected account that the event is of; empty for the platform."""

    class Status(models.TextChoices):
        PROCESSED = "processed", _("processed")
        STALE = "stale", _("stale: something newer was known")
        IGNORED = "ignored", _("ignored: nothing to do for this type")
        FAILED = "failed", _("failed: Stripe will send it again")
        REJECTED = "rejected", _("rejected: wrong mode")

    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    account = models.CharField(_("account"), max_length=64, blank=True, default="")
    type = models.CharField(_("type"), max_length=255, db_index=True)
    api_version = models.CharField(_("API version"), max_length=64, blank=True, default="")
    livemode = models.BooleanField(_("live mode"), default=False)
    stripe_created_at = models.DateTimeField(_("created in Stripe"), null=True, blank=True)
    object_id = models.CharField(_("object"), max_length=255, blank=True, default="", db_index=True)
    customer_id = models.CharField(
        _("customer"), max_length=255, blank=True, default="", db_index=True
    )
    payload = models.JSONField(_("payload"))
    status = models.CharField(_("status"), max_length=16, choices=Status, db_index=True)
    note = models.TextField(_("note"), blank=True, default="")
    error = models.TextField(_("error"), blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    received_at = models.DateTimeField(_("received"), auto_now_add=True, db_index=True)
    processed_at = models.DateTimeField(_("processed"), null=True, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_id", "account"], name="stripe_billing_event_stripe_id"
            )
        ]
        permissions = [("process_event", _("Can process an event again"))]

    def __str__(self) -> str:
        return f"{self.type} ({self.stripe_id})"

    @property
    def is_settled(self) -> bool:
        """A duplicate of it needs no work."""
        return self.status in {self.Status.PROCESSED, self.Status.STALE, self.Status.IGNORED}
