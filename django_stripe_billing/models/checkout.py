from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from .customers import Customer


class CheckoutSession(models.Model):
    """A Checkout Session that we opened.

    `open_for` is unique and set while the session may still be paid, so a customer has one at most.
    The session's URL is a bearer link and is not stored.
    """

    account = models.CharField(_("account"), max_length=64, blank=True, default="")
    stripe_id = models.CharField(  # noqa: DJ001 - unique, and NULL may stand twice where '' may not
        _("Stripe id"),
        max_length=255,
        null=True,
        blank=True,
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="checkout_sessions"
    )
    open_for = models.OneToOneField(
        Customer,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="open_checkout_session",
    )
    idempotency_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    price_id = models.CharField(_("price"), max_length=255)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    mode = models.CharField(_("mode"), max_length=16)
    trial_days = models.PositiveIntegerField(
        _("days of trial"), default=0, help_text=_("What was promised when it was opened.")
    )
    split = models.JSONField(
        _("split"),
        default=dict,
        blank=True,
        help_text=_("What Stripe was told of connected accounts: fee, destination, seller."),
    )
    status = models.CharField(
        _("status"), max_length=16, default="open", help_text=_("open, complete or expired")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("checkout session")
        verbose_name_plural = _("checkout sessions")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_id", "account"], name="stripe_billing_checkout_stripe_id"
            )
        ]

    def __str__(self) -> str:
        return self.stripe_id or f"checkout session {self.pk}"
