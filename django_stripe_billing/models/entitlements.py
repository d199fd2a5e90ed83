from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from ..rules.entitlements import Term
from .catalog import Feature
from .customers import Customer
from .mirrored import to_datetime, to_second
from .subscriptions import Subscription


class SourceKind(models.TextChoices):
    """Where an entitlement comes from. Another provider later is one more kind."""

    SUBSCRIPTION = "subscription", _("subscription")
    PAYMENT = "payment", _("payment")
    MANUAL = "manual", _("granted by hand")


class Entitlement(models.Model):
    """A customer may use a feature, because of a source, until an end, up to a limit.

    Written by `sync.door` alone. A row whose end has passed no longer counts; a row whose source
    no longer grants is deleted, and `EntitlementChange` remembers it.
    """

    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="entitlements", verbose_name=_("customer")
    )
    feature = models.ForeignKey(
        Feature, on_delete=models.CASCADE, related_name="entitlements", verbose_name=_("feature")
    )
    source_kind = models.CharField(_("source"), max_length=16, choices=SourceKind)
    source_id = models.CharField(
        _("source id"),
        max_length=255,
        help_text=_(
            "The Stripe id of the subscription, or of the payment's checkout session, or a grant."
        ),
    )
    subscription = models.ForeignKey(
        Subscription,
        verbose_name=_("subscription"),
        null=True,
        blank=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="entitlements",
        help_text=_("The source's row, where the source is a subscription."),
    )
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True, help_text=_("Empty: no end."))
    limit = models.BigIntegerField(
        _("limit"), null=True, blank=True, help_text=_("Empty: without limit.")
    )
    reason = models.CharField(_("reason of the end"), max_length=32, blank=True, default="")
    granted_at = models.DateTimeField(_("granted"), default=timezone.now)

    class Meta:
        verbose_name = _("entitlement")
        verbose_name_plural = _("entitlements")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "feature", "source_kind", "source_id"],
                name="stripe_billing_entitlement_source",
            )
        ]
        indexes = [
            models.Index(fields=["ends_at"], name="stripe_billing_ent_ends_at"),
            models.Index(fields=["source_kind"], name="stripe_billing_ent_source"),
        ]

    def __str__(self) -> str:
        if self.ends_at is None:
            return f"{self.feature}"
        return f"{self.feature} until {date_format(timezone.localtime(self.ends_at))}"

    @property
    def term(self) -> Term:
        return Term(ends_at=to_second(self.ends_at), limit=self.limit, reason=self.reason)

    def take(self, term: Term) -> None:
        """Fill the row from a term; the caller saves."""
        self.ends_at = to_datetime(term.ends_at)
        self.limit = term.limit
        self.reason = term.reason


class EntitlementChange(models.Model):
    """Append-only: what happened to an entitlement, and what caused it."""

    class Kind(models.TextChoices):
        GRANTED = "granted", _("granted")
        CHANGED = "changed", _("changed")
        REVOKED = "revoked", _("revoked")

    class Cause(models.TextChoices):
        EVENT = "event", _("event")
        RECONCILE = "reconcile", _("reconcile run")
        CATALOG = "catalog", _("catalog")
        CHECKOUT = "checkout", _("return from checkout")
        PERSON = "person", _("person")

    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="entitlement_changes"
    )
    feature = models.ForeignKey(
        Feature, on_delete=models.CASCADE, related_name="entitlement_changes"
    )
    kind = models.CharField(_("change"), max_length=8, choices=Kind)
    source_kind = models.CharField(_("source"), max_length=16, choices=SourceKind)
    source_id = models.CharField(_("source id"), max_length=255)
    before = models.JSONField(_("before"), null=True, blank=True)
    after = models.JSONField(_("after"), null=True, blank=True)
    cause_kind = models.CharField(_("cause"), max_length=16, choices=Cause)
    cause_id = models.CharField(
        _("cause id"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("The event's Stripe id, the run, or the person."),
    )
    created_at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("entitlement change")
        verbose_name_plural = _("entitlement changes")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["customer", "-id"], name="stripe_billing_chg_customer"),
            models.Index(fields=["cause_kind"], name="stripe_billing_chg_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.get_kind_display()}"
