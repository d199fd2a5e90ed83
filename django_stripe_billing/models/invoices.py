from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import F, Min, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from ..rules.invoices import DELETED, FINAL_STATUSES, InvoiceSnapshot
from ..rules.snapshots import SubscriptionSnapshot
from .customers import Customer
from .mirrored import MirroredModel, to_datetime, to_second

STATUS_TEXTS = {
    "draft": _("draft"),
    "open": _("to be paid"),
    "paid": _("paid"),
    "uncollectible": _("given up"),
    "void": _("void"),
    DELETED: _("deleted"),
}


UNPAID = Q(status="open", amount_remaining__gt=0) & (
    Q(attempted=True) | Q(attempt_count__gt=0) | Q(due_at__isnull=False)
)
"""What `rules.dunning.is_unpaid` says of a row."""


@dataclass(kw_only=True)
class Waiting:
    """What the invoices say about subscriptions that are not paid."""

    since: dict[str, int] = field(default_factory=dict)
    """By subscription (Stripe id), since when its oldest unpaid invoice waits, in Unix seconds."""
    unknown: set[str] = field(default_factory=set)
    """Those whose latest invoice is not stored."""


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def unpaid(self) -> InvoiceQuerySet:
        """Those that are unpaid, the one that has waited longest first."""
        return (
            self.filter(UNPAID)
            .annotate(unpaid_since=Coalesce("due_at", "stripe_created_at"))
            .order_by("unpaid_since", "stripe_id")
        )

    def unpaid_since(self, subscription_ids: Any, *, account: str) -> dict[str, int]:
        """By subscription (Stripe id), since when its oldest unpaid invoice waits, in Unix seconds.

        One query, none without subscriptions.
        """
        wanted = list(subscription_ids)
        if not wanted:
            return {}
        rows = (
            self.filter(account=account, subscription_id__in=wanted)
            .unpaid()
            .order_by()
            .values("subscription_id")
            .annotate(since=Min(F("unpaid_since")))
            .values_list("subscription_id", "since")
        )
        return {stripe_id: to_second(since) or 0 for stripe_id, since in rows}

    def waiting(self, subscriptions: Iterable[SubscriptionSnapshot], *, account: str) -> Waiting:
        """`unpaid_since`, and which latest invoices are not stored; one query, none without any."""
        latest = {snapshot.id: snapshot.latest_invoice_id for snapshot in subscriptions}
        if not latest:
            return Waiting()
        is_wanted = Q(stripe_id__in=latest.values()) | UNPAID & Q(subscription_id__in=latest)
        rows = (
            self.filter(is_wanted, account=account)
            .annotate(since=Coalesce("due_at", "stripe_created_at"), is_unpaid=Q(UNPAID))
            .values_list("stripe_id", "subscription_id", "is_unpaid", "since")
        )
        found, stored = Waiting(), {""}
        for stripe_id, subscription_id, is_unpaid, since in rows:
            stored.add(stripe_id)
            if is_unpaid and subscription_id in latest:
                moment = to_second(since) or 0
                found.since[subscription_id] = min(moment, found.since.get(subscription_id, moment))
        found.unknown = {key for key, invoice_id in latest.items() if invoice_id not in stored}
        return found


class Invoice(MirroredModel):
    """A Stripe invoice, thinly: what dunning, the list of invoices and e-mails need."""

    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="invoices", verbose_name=_("customer")
    )
    subscription_id = models.CharField(
        _("subscription"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Its Stripe id; the invoice may be known before it."),
    )
    number = models.CharField(_("number"), max_length=255, blank=True, default="")
    status = models.CharField(_("status"), max_length=64)
    billing_reason = models.CharField(_("reason"), max_length=64, blank=True, default="")
    collection_method = models.CharField(
        _("collection method"), max_length=64, blank=True, default=""
    )
    livemode = models.BooleanField(_("live mode"), default=False)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    total = models.BigIntegerField(_("total"), default=0)
    subtotal = models.BigIntegerField(
        _("subtotal"), default=0, help_text=_("Before discounts and taxes.")
    )
    discount = models.BigIntegerField(_("discount"), default=0)
    amount_due = models.BigIntegerField(_("amount due"), default=0)
    amount_paid = models.BigIntegerField(_("amount paid"), default=0)
    amount_remaining = models.BigIntegerField(_("amount remaining"), default=0)
    attempt_count = models.PositiveSmallIntegerField(_("attempts"), default=0)
    attempted = models.BooleanField(_("attempted"), default=False)
    next_payment_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    hosted_invoice_url = models.TextField(_("payment page"), blank=True, default="")
    invoice_pdf = models.TextField(_("PDF"), blank=True, default="")
    stripe_created_at = models.DateTimeField(_("created in Stripe"))
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    period_start_at = models.DateTimeField(_("period from"), null=True, blank=True)
    period_end_at = models.DateTimeField(_("period until"), null=True, blank=True)
    product_ids = models.JSONField(
        _("products"), default=list, blank=True, help_text=_("Their Stripe ids.")
    )
    amount_refunded = models.BigIntegerField(_("refunded"), default=0)
    dispute_status = models.CharField(
        _("dispute"),
        max_length=64,
        blank=True,
        default="",
    )
    money_observed = models.BigIntegerField(default=-1, editable=False)
    """The second of Stripe's clock at which refunds and disputes were so."""
    failed_attempt = models.PositiveSmallIntegerField(
        _("last failed attempt that was told"), null=True, blank=True, editable=False
    )
    action_attempt = models.PositiveSmallIntegerField(
        _("last attempt that asked for 3-D Secure"), null=True, blank=True, editable=False
    )
    retries = models.PositiveIntegerField(
        _("attempts by the subscriber"),
        default=0,
        editable=False,
        help_text=_("Each has an idempotency key of its own."),
    )

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ["-stripe_created_at", "-pk"]
        permissions = [("sync_invoice", "Can sync an invoice from Stripe")]
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_id", "account"], name="stripe_billing_invoice_stripe_id"
            )
        ]
        indexes = [
            models.Index(fields=["subscription_id", "status"], name="stripe_billing_inv_subscr"),
            models.Index(
                fields=["customer", "-stripe_created_at"], name="stripe_billing_inv_customer"
            ),
            models.Index(fields=["-stripe_created_at", "-id"], name="stripe_billing_inv_newest"),
            models.Index(
                fields=["status", "-stripe_created_at", "-id"], name="stripe_billing_inv_status"
            ),
            models.Index(  # with this class PostgreSQL finds what begins so; others ignore it
                fields=["number"],
                opclasses=["varchar_pattern_ops"],
                name="stripe_billing_inv_number",
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.stripe_id

    @property
    def status_text(self) -> str:
        """The status for people, in the active language."""
        return str(STATUS_TEXTS.get(self.status, self.status))

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    @property
    def needs_action(self) -> bool:
        """It is unpaid, and the bank wants the payer to confirm the last attempt (3-D Secure)."""
        return (
            self.status == "open"
            and self.action_attempt is not None
            and self.action_attempt >= self.attempt_count
        )

    def snapshot(self) -> InvoiceSnapshot:
        """The row as the value that was parsed from Stripe; `customer` must be loaded."""
        return InvoiceSnapshot(
            id=self.stripe_id,
            customer_id=self.customer.stripe_id or "",
            subscription_id=self.subscription_id,
            number=self.number,
            status=self.status,
            billing_reason=self.billing_reason,
            collection_method=self.collection_method,
            livemode=self.livemode,
            created=to_second(self.stripe_created_at) or 0,
            currency=self.currency,
            total=self.total,
            subtotal=self.subtotal,
            discount=self.discount,
            amount_due=self.amount_due,
            amount_paid=self.amount_paid,
            amount_remaining=self.amount_remaining,
            attempt_count=self.attempt_count,
            attempted=self.attempted,
            next_payment_attempt=to_second(self.next_payment_attempt_at),
            hosted_invoice_url=self.hosted_invoice_url,
            invoice_pdf=self.invoice_pdf,
            due_date=to_second(self.due_at),
            paid_at=to_second(self.paid_at),
            period_start=to_second(self.period_start_at),
            period_end=to_second(self.period_end_at),
            product_ids=tuple(self.product_ids),
        )

    def take(self, snapshot: InvoiceSnapshot) -> None:
        """Fill the row from a snapshot; the caller saves."""
        self.subscription_id = snapshot.subscription_id
        self.number = snapshot.number
        self.status = snapshot.status
        self.billing_reason = snapshot.billing_reason
        self.collection_method = snapshot.collection_method
        self.livemode = snapshot.livemode
        self.stripe_created_at = datetime.fromtimestamp(snapshot.created, UTC)
        self.currency = snapshot.currency
        self.total = snapshot.total
        self.subtotal = snapshot.subtotal
        self.discount = snapshot.discount
        self.amount_due = snapshot.amount_due
        self.amount_paid = snapshot.amount_paid
        self.amount_remaining = snapshot.amount_remaining
        self.attempt_count = snapshot.attempt_count
        self.attempted = snapshot.attempted
        self.next_payment_attempt_at = to_datetime(snapshot.next_payment_attempt)
        self.hosted_invoice_url = snapshot.hosted_invoice_url
        self.invoice_pdf = snapshot.invoice_pdf
        self.due_at = to_datetime(snapshot.due_date)
        self.paid_at = to_datetime(snapshot.paid_at)
        self.period_start_at = to_datetime(snapshot.period_start)
        self.period_end_at = to_datetime(snapshot.period_end)
        self.product_ids = list(snapshot.product_ids)
