from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..conf import subscriber_model
from ..rules.payment_methods import PaymentMethodSnapshot
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
    asked_at = models.DateTimeField(
        _("creation asked for"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When it was first asked for under that key, which Stripe keeps for a day."),
    )
    email = models.CharField(_("e-mail"), max_length=512, blank=True, default="")
    name = models.CharField(_("name"), max_length=256, blank=True, default="")
    livemode = models.BooleanField(_("live mode"), default=False)
    is_deleted = models.BooleanField(
        _("deleted"), default=False, help_text=_("Deleted in Stripe; never comes back.")
    )
    test_clock_id = models.CharField(_("test clock"), max_length=255, blank=True, default="")
    balance = models.BigIntegerField(
        _("balance"), default=0, help_text=_("In minor units; negative is credit.")
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    default_payment_method_id = models.CharField(
        _("default payment method"), max_length=255, blank=True, default=""
    )
    payment_method_id = models.CharField(
        _("payment method on file"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("The one of which the following is known."),
        db_index=True,
    )
    payment_method_type = models.CharField(_("type"), max_length=32, blank=True, default="")
    payment_method_brand = models.CharField(_("brand"), max_length=64, blank=True, default="")
    payment_method_last4 = models.CharField(_("last four"), max_length=4, blank=True, default="")
    payment_method_exp_month = models.PositiveSmallIntegerField(
        _("expires in month"), null=True, blank=True
    )
    payment_method_exp_year = models.PositiveSmallIntegerField(
        _("expires in year"), null=True, blank=True
    )
    payment_method_observed = models.BigIntegerField(
        _("payment method observed"),
        default=-1,
        editable=False,
        help_text=_("The second of Stripe's clock at which it was so."),
    )
    payment_method_heard = models.BigIntegerField(
        _("payment methods heard of"),
        default=-1,
        editable=False,
        help_text=_("The second of the newest event about any of the customer's payment methods."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ["-pk"]
        permissions = [
            ("sync_customer", "Can sync a customer from Stripe"),
            ("portal_customer", "Can open a customer's portal"),
            ("export_customer", "Can export lists as CSV"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_id", "account"], name="stripe_billing_customer_stripe_id"
            ),
            models.UniqueConstraint(
                fields=["subscriber", "account"], name="stripe_billing_customer_subscriber"
            ),
        ]
        indexes = [
            models.Index(fields=["is_deleted"], name="stripe_billing_cus_deleted"),
            # with these classes PostgreSQL finds what begins so; others ignore them
            models.Index(
                fields=["email"],
                opclasses=["varchar_pattern_ops"],
                name="stripe_billing_cus_email",
            ),
            models.Index(
                fields=["name"], opclasses=["varchar_pattern_ops"], name="stripe_billing_cus_name"
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id or f"customer {self.pk}"

    @property
    def credit(self) -> int:
        """What the next invoices will use up, in minor units."""
        return max(0, -self.balance)

    @property
    def is_payment_method_known(self) -> bool:
        """Something is on file, and it is the default where there is one."""
        wanted = self.default_payment_method_id or self.payment_method_id
        return bool(wanted and self.payment_method_id == wanted and self.payment_method_type)

    def take_payment_method(self, method: PaymentMethodSnapshot | None, *, observed: int) -> None:
        """Fill in what is on file, None for nothing; the caller saves PAYMENT_METHOD_FIELDS."""
        self.payment_method_id = method.id if method else ""
        self.payment_method_type = method.type if method else ""
        self.payment_method_brand = method.brand if method else ""
        self.payment_method_last4 = method.last4 if method else ""
        self.payment_method_exp_month = method.exp_month if method else None
        self.payment_method_exp_year = method.exp_year if method else None
        self.payment_method_observed = observed


PAYMENT_METHOD_FIELDS = [
    "payment_method_id",
    "payment_method_type",
    "payment_method_brand",
    "payment_method_last4",
    "payment_method_exp_month",
    "payment_method_exp_year",
    "payment_method_observed",
    "payment_method_heard",
]
