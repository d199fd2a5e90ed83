from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .checkout import CheckoutSession
from .customers import Customer


class KnownCard(models.Model):
    """A card, or a bank account, that was attached to a customer: a keyed hash, and nothing else.

    It may have been saved long before a trial, and is claimed when one begins.
    """

    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="known_cards", verbose_name=_("customer")
    )
    value = models.CharField(_("value"), max_length=64, help_text=_("A keyed hash."))

    class Meta:
        verbose_name = _("known card")
        verbose_name_plural = _("known cards")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["customer", "value"], name="stripe_billing_known_card")
        ]

    def __str__(self) -> str:
        return self.value[:12]


class TrialUse(models.Model):
    """A subscriber, an e-mail address or a card with which a trial was taken.

    Its uniqueness decides that there is one. It is made when a checkout with a trial is opened, and
    goes when that checkout expires; a trial that was begun keeps it for ever. Cards, and an address
    that is written later, follow when the trial runs. Addresses and cards
    are kept as keyed hashes, of which nobody reads them back.
    """

    class Kind(models.TextChoices):
        SUBSCRIBER = "subscriber", _("subscriber")
        EMAIL = "email", _("e-mail address")
        CARD = "card", _("card")

    account = models.CharField(_("account"), max_length=64, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    value = models.CharField(
        _("value"), max_length=255, help_text=_("The subscriber's key, else a keyed hash.")
    )
    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="trial_uses",
        verbose_name=_("customer"),
    )
    checkout_session = models.ForeignKey(
        CheckoutSession,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="trial_uses",
        verbose_name=_("checkout session"),
    )
    refused_at = models.DateTimeField(
        _("refused"),
        null=True,
        blank=True,
        help_text=_("The trial was taken with a card or an address that had one before."),
    )
    created_at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        verbose_name = _("trial use")
        verbose_name_plural = _("trial uses")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "value"], name="stripe_billing_trial_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value[:12]}"
