from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..rules.payment_snapshots import PaymentItemSnapshot, PaymentSnapshot
from ..rules.payments import Purchase
from .customers import Customer
from .mirrored import MirroredModel, to_datetime, to_second


class Payment(MirroredModel):
    """A one-off purchase: a completed Checkout Session in `payment` mode.

    The row comes before the session is fetched, so that a refund or a dispute that is told of
    meanwhile finds something to be about. Until then its status is empty, and it grants nothing.
    """

    stripe_id = models.CharField(
        _("Stripe id"), max_length=255, help_text=_("The Checkout Session's, cs_….")
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="payments", verbose_name=_("customer")
    )
    payment_intent_id = models.CharField(
        _("payment intent"), max_length=255, blank=True, default="", db_index=True
    )
    charge_id = models.CharField(_("charge"), max_length=255, blank=True, default="", db_index=True)
    status = models.CharField(
        _("status"),
        max_length=64,
        blank=True,
        default="",
        db_index=True,
        help_text=_("paid, unpaid (a bank debit is under way), failed, or missing at Stripe"),
    )
    livemode = models.BooleanField(_("live mode"), default=False)
    amount = models.BigIntegerField(
        _("amount"), default=0, help_text=_("In the currency's minor unit.")
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    amount_refunded = models.BigIntegerField(_("refunded"), default=0)
    dispute_status = models.CharField(
        _("dispute"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("Of the dispute that weighs most."),
    )
    sold_days = models.PositiveIntegerField(
        _("days of access"),
        null=True,
        blank=True,
        help_text=_("What one unit was sold for; 0: for good. Empty: as the product says."),
    )
    stripe_created_at = models.DateTimeField(_("created in Stripe"), null=True, blank=True)
    charged_at = models.DateTimeField(_("charged"), null=True, blank=True)
    paid_at = models.DateTimeField(
        _("paid"),
        null=True,
        blank=True,
        help_text=_(
            "When the days of access begin: a bank debit is paid days after it is charged."
        ),
    )

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-pk"]
        permissions = [
            ("sync_payment", "Can sync a payment from Stripe"),
            ("refund_payment", "Can refund a payment"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_id", "account"], name="stripe_billing_payment_stripe_id"
            )
        ]
        indexes = [
            models.Index(fields=["dispute_status"], name="stripe_billing_pay_dispute"),
            models.Index(
                fields=["stripe_created_at", "account"], name="stripe_billing_pay_created"
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id

    def snapshot(self, items: Iterable[PaymentItem]) -> PaymentSnapshot:
        """The row as the value that was parsed from Stripe; `customer` must be loaded."""
        return PaymentSnapshot(
            id=self.stripe_id,
            customer_id=self.customer.stripe_id or "",
            status=self.status,
            payment_intent_id=self.payment_intent_id,
            charge_id=self.charge_id,
            amount=self.amount,
            currency=self.currency,
            amount_refunded=self.amount_refunded,
            dispute_status=self.dispute_status,
            charged_at=to_second(self.charged_at),
            sold_days=self.sold_days,
            livemode=self.livemode,
            created=to_second(self.stripe_created_at) or 0,
            items=tuple(
                sorted((item.snapshot() for item in items), key=lambda snapshot: snapshot.id)
            ),
        )

    def purchase(self) -> Purchase:
        """The row as the rules want it; `customer` must be loaded, `items` should be."""
        return Purchase(snapshot=self.snapshot(self.items.all()), paid_at=to_second(self.paid_at))

    def take(self, snapshot: PaymentSnapshot) -> None:
        """Fill the row from a snapshot; the caller saves, and says when it was paid."""
        self.status = snapshot.status
        self.payment_intent_id = snapshot.payment_intent_id
        self.charge_id = snapshot.charge_id
        self.amount = snapshot.amount
        self.currency = snapshot.currency
        self.amount_refunded = snapshot.amount_refunded
        self.dispute_status = snapshot.dispute_status
        self.charged_at = to_datetime(snapshot.charged_at)
        self.sold_days = snapshot.sold_days
        self.livemode = snapshot.livemode
        self.stripe_created_at = to_datetime(snapshot.created)


class PaymentItem(models.Model):
    """One line of a purchase; price and product are kept as Stripe's ids."""

    payment = models.ForeignKey(
        Payment, on_delete=models.CASCADE, related_name="items", verbose_name=_("payment")
    )
    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    price_id = models.CharField(_("price"), max_length=255, blank=True, default="")
    product_id = models.CharField(
        _("product"), max_length=255, blank=True, default="", db_index=True
    )
    quantity = models.PositiveIntegerField(_("quantity"), default=1)

    class Meta:
        verbose_name = _("payment item")
        verbose_name_plural = _("payment items")
        ordering = ["stripe_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["payment", "stripe_id"], name="stripe_billing_payment_item_stripe_id"
            )
        ]

    def __str__(self) -> str:
        return self.stripe_id

    def snapshot(self) -> PaymentItemSnapshot:
        return PaymentItemSnapshot(
            id=self.stripe_id,
            price_id=self.price_id,
            product_id=self.product_id,
            quantity=self.quantity,
        )
