from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..conf import subscriber_model
from .mirrored import MirroredModel


class Customer(MirroredModel):
    """Links one subscriber to one Stripe customer.

    The row is made before the Stripe customer is, so that its uniqueness on the subscriber decides
    between two simultaneous checkouts. Without a subscriber it was made in Stripe, and waits for an
    admin to link it.
    """

    stripe_id = models.CharField(  # noqa: DJ001 - unique, and NULL may stand twice where '' may not
        _("Stripe id"),
        max_length=255,
        null=True,
        blank=True,
        help_text=_("cus_…; empty while the customer is being created in Stripe."),
    )
    subscriber = models.ForeignKey(
        subscriber_model(),
        verbose_name=_("subscriber"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="stripe_customers",
    )
    binding_key = models.UUIDField(
        _("binding key"),
        default=uuid.uuid4,
        unique=True,
        editable=False,
        help_text=_("The idempotency key under which the customer is created in Stripe."),
    )
    email = models.CharField(_("e-mail"), max_length=512, blank=True, default="")
    name = models.CharField(_("name"), max_length=256, blank=True, default="")
    livemode = models.BooleanField(_("live mode"), default=False)
    is_deleted = models.BooleanField(
        _("deleted"), default=False, help_text=_("Deleted in Stripe; never comes back.")
    )
    test_clock_id = models.CharField(_("test clock"), max_length=255, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-pk"]
        permissions = [("sync_customer", "Can sync a customer from Stripe")]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "stripe_id"], name="stripe_billing_customer_stripe_id"
            ),
            models.UniqueConstraint(
                fields=["account", "subscriber"], name="stripe_billing_customer_subscriber"
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id or f"customer {self.pk}"
