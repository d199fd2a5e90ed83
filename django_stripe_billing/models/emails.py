from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .customers import Customer
from .invoices import Invoice
from .payments import Payment
from .subscriptions import Subscription


class EmailMessage(models.Model):
    """An e-mail that is due, or was sent: written with what caused it, unique for it.

    Its text is not kept; it is made from the rows and `facts` when it is sent.
    """

    class Kind(models.TextChoices):
        RECEIPT = "receipt", _("receipt")
        PAYMENT_FAILED = "payment_failed", _("payment failed")
        ACTION_REQUIRED = "action_required", _("action required")
        TRIAL_ENDING = "trial_ending", _("trial ending")
        RENEWAL_COMING = "renewal_coming", _("renewal coming")
        SUBSCRIPTION_ENDED = "subscription_ended", _("subscription ended")

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        SKIPPED = "skipped", _("skipped: not wanted, or nobody to write to")
        FAILED = "failed", _("failed")

    kind = models.CharField(_("kind"), max_length=32, choices=Kind)
    key = models.CharField(
        _("about"), max_length=255, help_text=_("What there is one such e-mail for.")
    )
    account = models.CharField(_("account"), max_length=64, blank=True, default="")
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="emails", verbose_name=_("customer")
    )
    invoice = models.ForeignKey(
        Invoice, on_delete=models.SET_NULL, null=True, blank=True, verbose_name=_("invoice")
    )
    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("subscription"),
    )
    payment = models.ForeignKey(
        Payment, on_delete=models.SET_NULL, null=True, blank=True, verbose_name=_("payment")
    )
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    recipient = models.CharField(_("recipient"), max_length=512, blank=True, default="")
    subject = models.CharField(_("subject"), max_length=255, blank=True, default="")
    status = models.CharField(
        _("status"), max_length=16, choices=Status, default=Status.WAITING, db_index=True
    )
    error = models.TextField(_("error"), blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        ordering = ["-pk"]
        permissions = [("send_emailmessage", "Can send an e-mail again")]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "key"], name="stripe_billing_email_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.key})"
