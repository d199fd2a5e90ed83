from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..rules.snapshots import (
    TERMINAL_STATUSES,
    SubscriptionItemSnapshot,
    SubscriptionSnapshot,
)
from .customers import Customer
from .mirrored import MirroredModel, to_datetime, to_second


class Subscription(MirroredModel):
    """A Stripe subscription: only the fields that we use."""

    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="subscriptions", verbose_name=_("customer")
    )
    status = models.CharField(_("status"), max_length=64)
    livemode = models.BooleanField(_("live mode"), default=False)
    stripe_created_at = models.DateTimeField(_("created in Stripe"))
    start_at = models.DateTimeField(_("started"), null=True, blank=True)
    trial_start_at = models.DateTimeField(_("trial from"), null=True, blank=True)
    trial_end_at = models.DateTimeField(_("trial until"), null=True, blank=True)
    cancel_at = models.DateTimeField(_("set to end"), null=True, blank=True)
    cancel_at_period_end = models.BooleanField(_("ends with its period"), default=False)
    canceled_at = models.DateTimeField(
        _("cancellation asked for"), null=True, blank=True, help_text=_("It may still be running.")
    )
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    collection_method = models.CharField(
        _("collection method"), max_length=64, blank=True, default=""
    )
    latest_invoice_id = models.CharField(
        _("latest invoice"), max_length=255, blank=True, default=""
    )
    test_clock_id = models.CharField(_("test clock"), max_length=255, blank=True, default="")
    trial_end_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    """The end of which the signal and the e-mail were sent."""
    is_trial_refused = models.BooleanField(
        _("trial refused"),
        default=False,
        help_text=_(
            "Its card or e-mail address had a trial before: it grants nothing until it is paid for."
        ),
    )

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-stripe_created_at", "-pk"]
        permissions = [
            ("sync_subscription", "Can sync a subscription from Stripe"),
            ("extend_trial", "Can extend a trial"),
            ("cancel_subscription", "Can cancel a subscription"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_id", "account"], name="stripe_billing_subscription_stripe_id"
            )
        ]
        indexes = [
            models.Index(
                fields=["stripe_created_at", "account"], name="stripe_billing_sub_created"
            ),
            models.Index(fields=["-stripe_created_at", "-id"], name="stripe_billing_sub_newest"),
            models.Index(
                fields=["status", "-stripe_created_at", "-id"], name="stripe_billing_sub_status"
            ),
            models.Index(fields=["cancel_at_period_end"], name="stripe_billing_sub_ending"),
        ]

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_STATUSES

    @property
    def is_ending(self) -> bool:
        """It runs, and is set to end: Stripe marks that in either of two ways."""
        return not self.is_terminal and (self.cancel_at_period_end or self.cancel_at is not None)

    def snapshot(self, items: Iterable[SubscriptionItem]) -> SubscriptionSnapshot:
        """The row as the value that was parsed from Stripe; `customer` must be loaded."""
        return SubscriptionSnapshot(
            id=self.stripe_id,
            customer_id=self.customer.stripe_id or "",
            status=self.status,
            livemode=self.livemode,
            created=to_second(self.stripe_created_at) or 0,
            start_date=to_second(self.start_at),
            trial_start=to_second(self.trial_start_at),
            trial_end=to_second(self.trial_end_at),
            cancel_at=to_second(self.cancel_at),
            cancel_at_period_end=self.cancel_at_period_end,
            canceled_at=to_second(self.canceled_at),
            ended_at=to_second(self.ended_at),
            currency=self.currency,
            collection_method=self.collection_method,
            latest_invoice_id=self.latest_invoice_id,
            test_clock_id=self.test_clock_id,
            items=tuple(
                sorted((item.snapshot() for item in items), key=lambda snapshot: snapshot.id)
            ),
        )

    def take(self, snapshot: SubscriptionSnapshot) -> None:
        """Fill the row from a snapshot; the caller saves."""
        self.status = snapshot.status
        self.livemode = snapshot.livemode
        self.stripe_created_at = datetime.fromtimestamp(snapshot.created, UTC)
        self.start_at = to_datetime(snapshot.start_date)
        self.trial_start_at = to_datetime(snapshot.trial_start)
        self.trial_end_at = to_datetime(snapshot.trial_end)
        self.cancel_at = to_datetime(snapshot.cancel_at)
        self.cancel_at_period_end = snapshot.cancel_at_period_end
        self.canceled_at = to_datetime(snapshot.canceled_at)
        self.ended_at = to_datetime(snapshot.ended_at)
        self.currency = snapshot.currency
        self.collection_method = snapshot.collection_method
        self.latest_invoice_id = snapshot.latest_invoice_id
        self.test_clock_id = snapshot.test_clock_id


class SubscriptionItem(models.Model):
    """One priced line of a subscription.

    Price and product are kept as Stripe's ids: an item may name one that is not in the catalog yet.
    """

    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.CASCADE,
        related_name="items",
        verbose_name=_("subscription"),
    )
    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    price_id = models.CharField(_("price"), max_length=255, blank=True, default="")
    product_id = models.CharField(
        _("product"), max_length=255, blank=True, default="", db_index=True
    )
    quantity = models.PositiveIntegerField(_("quantity"), null=True, blank=True)
    current_period_start_at = models.DateTimeField(_("period from"), null=True, blank=True)
    current_period_end_at = models.DateTimeField(_("period until"), null=True, blank=True)

    class Meta:
        verbose_name = _("subscription item")
        verbose_name_plural = _("subscription items")
        ordering = ["stripe_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "stripe_id"], name="stripe_billing_item_stripe_id"
            )
        ]

    def __str__(self) -> str:
        return self.stripe_id

    def snapshot(self) -> SubscriptionItemSnapshot:
        return SubscriptionItemSnapshot(
            id=self.stripe_id,
            price_id=self.price_id,
            product_id=self.product_id,
            quantity=self.quantity,
            current_period_start=to_second(self.current_period_start_at),
            current_period_end=to_second(self.current_period_end_at),
        )

    def take(self, snapshot: SubscriptionItemSnapshot) -> None:
        """Fill the row from a snapshot; the caller saves."""
        self.price_id = snapshot.price_id
        self.product_id = snapshot.product_id
        self.quantity = snapshot.quantity
        self.current_period_start_at = to_datetime(snapshot.current_period_start)
        self.current_period_end_at = to_datetime(snapshot.current_period_end)
