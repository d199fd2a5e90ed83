from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .catalog import Feature
from .customers import Customer
from .mirrored import to_second


class ManualGrant(models.Model):
    """A feature that a person gave to a customer by hand, with its end and its reason.

    It is the source of an entitlement, as a subscription is of others. Written by `sync.grants`
    alone; a revoked one stays, with who took it back and why.
    """

    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="grants", verbose_name=_("customer")
    )
    feature = models.ForeignKey(
        Feature, on_delete=models.CASCADE, related_name="grants", verbose_name=_("feature")
    )
    key = models.UUIDField(
        _("key"),
        default=uuid.uuid4,
        unique=True,
        editable=False,
        help_text=_("A form that is sent twice grants once."),
    )
    limit = models.PositiveBigIntegerField(
        _("limit"), null=True, blank=True, help_text=_("Empty: without limit.")
    )
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: no end."))
    reason = models.TextField(_("reason"))
    granted_by = models.CharField(_("granted by"), max_length=255)
    granted_at = models.DateTimeField(_("granted"), default=timezone.now)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    revoked_by = models.CharField(_("revoked by"), max_length=255, blank=True, default="")
    revoke_reason = models.TextField(_("reason of the revocation"), blank=True, default="")

    class Meta:
        verbose_name = _("manual grant")
        verbose_name_plural = _("manual grants")
        ordering = ["-pk"]
        permissions = [("revoke_manualgrant", "Can revoke a manual grant")]

    def __str__(self) -> str:
        return self.source_id

    @property
    def source_id(self) -> str:
        """How entitlements name it."""
        return f"grant {self.pk}"

    @property
    def until_second(self) -> int | None:
        """The end in Unix seconds; None: no end."""
        return to_second(self.until)

    @property
    def is_running(self) -> bool:
        """It was not revoked, and its end has not passed."""
        return self.revoked_at is None and (self.until is None or self.until > timezone.now())
