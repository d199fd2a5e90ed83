from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..rules.drift_kinds import MEANINGS, Kind


class ReconcileRun(models.Model):
    """One comparison of Stripe with the database, from its start to its end, or to a break."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        COMPLETE = "complete", _("complete")
        INCOMPLETE = "incomplete", _("incomplete")

    account = models.CharField(_("account"), max_length=64, blank=True, default="")
    livemode = models.BooleanField(_("live mode"), default=False)
    stripe_account_id = models.CharField(
        _("Stripe account"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("Whom the API key belongs to, where it may say so."),
    )
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.RUNNING)
    active_for = models.CharField(
        max_length=64,
        null=True,
        blank=True,
        unique=True,
        editable=False,
        help_text=_("The account while the run is active: there is one at a time."),
    )
    owner = models.CharField(
        _("process"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Host, process id and start of the process that runs it."),
    )
    beat_at = models.DateTimeField(_("last sign of life"), default=timezone.now)
    is_applying = models.BooleanField(_("repairs"), default=False)
    options = models.JSONField(_("options"), default=dict)
    next_turn = models.FloatField(
        default=0.0, editable=False, help_text=_("When the next call may be made, shared.")
    )
    resumed = models.PositiveIntegerField(_("times resumed"), default=0)
    created_before = models.BigIntegerField(
        _("window"),
        default=0,
        help_text=_("What was created before this second of Stripe's clock is compared."),
    )
    live_before = models.PositiveBigIntegerField(
        _("live subscriptions here"),
        default=0,
        help_text=_("With the payments that grant something, when the run began."),
    )
    listed = models.PositiveBigIntegerField(_("listed by Stripe"), default=0)
    compared = models.PositiveBigIntegerField(_("compared"), default=0)
    calls = models.PositiveBigIntegerField(_("API calls"), default=0)
    calls_apart = models.PositiveBigIntegerField(
        default=0, editable=False, help_text=_("Those of no window.")
    )
    changes = models.PositiveBigIntegerField(_("subscriptions changed"), default=0)
    drift_found = models.PositiveBigIntegerField(_("drift found"), default=0)
    drift_left = models.PositiveBigIntegerField(_("drift left"), default=0)
    errors = models.JSONField(_("errors"), default=list, blank=True)
    notes = models.JSONField(_("notes"), default=dict, blank=True)
    seconds = models.FloatField(_("seconds"), default=0.0)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("reconcile run")
        verbose_name_plural = _("reconcile runs")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"reconcile run {self.pk}"

    @property
    def is_complete(self) -> bool:
        """Everything was listed and compared."""
        return self.state == self.State.COMPLETE

    @property
    def drift_repaired(self) -> int:
        """How much of what was found is left no more."""
        return max(self.drift_found - self.drift_left, 0)


class ReconcileWindow(models.Model):
    """A part of the account, by the second of creation, with how far it was compared."""

    class Of(models.TextChoices):
        SUBSCRIPTIONS = "subscriptions", _("subscriptions")
        PAYMENTS = "payments", _("completed checkouts")
        INVOICES = "invoices", _("open invoices")
        CUSTOMERS = "customers", _("customers who may be deleted")

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    run = models.ForeignKey(ReconcileRun, on_delete=models.CASCADE, related_name="windows")
    of = models.CharField(max_length=16, choices=Of, default=Of.SUBSCRIPTIONS)
    created_from = models.BigIntegerField(help_text=_("The first second, inclusive."))
    created_before = models.BigIntegerField(help_text=_("The second after the last."))
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    cursor = models.CharField(max_length=255, blank=True, default="")
    lowest = models.BigIntegerField(
        help_text=_("Later seconds of the window have been compared in both directions.")
    )
    edge = models.JSONField(default=list, help_text=_("The ids that were seen of that second."))
    unsettled = models.JSONField(
        default=list,
        blank=True,
        help_text=_("The ids of listed subscriptions that seemed to differ, and wait."),
    )
    listed = models.PositiveBigIntegerField(default=0)
    compared = models.PositiveBigIntegerField(default=0)
    calls = models.PositiveBigIntegerField(default=0)
    errors = models.JSONField(default=list, blank=True)
    notes = models.JSONField(default=dict, blank=True)
    failure = models.TextField(
        blank=True, default="", help_text=_("Why the window could not be finished.")
    )
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text=_("How many workers have begun or taken over the window.")
    )
    claimed_by = models.CharField(max_length=255, blank=True, default="")
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("reconcile window")
        verbose_name_plural = _("reconcile windows")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.created_from}-{self.created_before}"


class Drift(models.Model):
    """One difference between Stripe and the database that a run has found."""

    class State(models.TextChoices):
        FOUND = "found", _("found")
        REPAIRED = "repaired", _("repaired")
        FAILED = "failed", _("could not be repaired")
        GONE = "gone", _("gone when it was looked at again")

    run = models.ForeignKey(
        ReconcileRun,
        on_delete=models.CASCADE,
        related_name="drift",
        verbose_name=_("run"),
        db_index=False,  # the index below begins with it
    )
    kind = models.CharField(
        _("kind"), max_length=40, choices=[(kind.value, kind.value) for kind in Kind]
    )
    object_id = models.CharField(
        _("object"), max_length=255, help_text=_("The Stripe id of what differs.")
    )
    subject = models.CharField(
        _("about"), max_length=255, blank=True, default="", help_text=_("A feature or a price.")
    )
    customer_id = models.CharField(_("customer"), max_length=255, blank=True, default="")
    subscriber = models.CharField(_("subscriber"), max_length=255, blank=True, default="")
    here = models.TextField(_("here"), blank=True, default="")
    stripe = models.TextField(_("at Stripe"), blank=True, default="")
    amount = models.BigIntegerField(
        _("at stake a month"), null=True, blank=True, help_text=_("In the currency's minor unit.")
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.FOUND)
    error = models.TextField(_("error"), blank=True, default="")
    found_at = models.DateTimeField(_("found"), default=timezone.now)
    repaired_at = models.DateTimeField(_("repaired"), null=True, blank=True)

    class Meta:
        verbose_name = _("drift")
        verbose_name_plural = _("drift")
        ordering = ["pk"]
        permissions = [("repair_drift", "Can repair drift")]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "object_id", "kind", "subject"], name="stripe_billing_drift_once"
            )
        ]
        indexes = [models.Index(fields=["-run", "id"], name="stripe_billing_drift_run")]

    def __str__(self) -> str:
        return f"{self.kind_in_words}: {self.object_id}"

    @property
    def kind_in_words(self) -> str:
        return self.kind.replace("_", " ")

    @property
    def sentence(self) -> str:
        return MEANINGS[Kind(self.kind)].sentence if self.kind in MEANINGS else self.kind

    @property
    def is_repairable(self) -> bool:
        """The app can repair it; else a person decides."""
        return self.kind in MEANINGS and bool(MEANINGS[Kind(self.kind)].repair)

    @property
    def what_next(self) -> str:
        """What a repair does about it, or what a person must do."""
        if self.kind not in MEANINGS:
            return ""
        return MEANINGS[Kind(self.kind)].repair or MEANINGS[Kind(self.kind)].advice

    @property
    def is_left(self) -> bool:
        """It still differs, as far as the run knows."""
        return self.state in {self.State.FOUND, self.State.FAILED}
