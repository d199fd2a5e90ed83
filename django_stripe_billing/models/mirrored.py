"""What every row that mirrors a Stripe object has."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..rules.ordering import Interval


class MirroredModel(models.Model):
    """A Stripe object's row: its id, and the interval in which it was last read."""

    account = models.CharField(
        _("account"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("The connected account that owns the object; empty for the platform."),
    )
    observed_low = models.BigIntegerField(
        _("observed from"),
        default=-1,
        editable=False,
        help_text=_("Contains every change before this second of Stripe's clock."),
    )
    observed_high = models.BigIntegerField(
        _("observed until"),
        default=-1,
        editable=False,
        help_text=_("Contains no change after this second of Stripe's clock."),
    )
    revision = models.PositiveIntegerField(
        _("revision"), default=0, editable=False, help_text=_("Grows with each write.")
    )

    class Meta:
        abstract = True

    @property
    def observed(self) -> Interval:
        """When the row was last read, on Stripe's clock."""
        return Interval(low=self.observed_low, high=self.observed_high)

    def observe(self, interval: Interval) -> None:
        """Stamp the row with the reading that it now holds; the caller saves."""
        self.observed_low, self.observed_high = interval.low, interval.high
        self.revision += 1


def to_datetime(second: int | None) -> datetime | None:
    """Unix seconds as an aware UTC datetime."""
    return None if second is None else datetime.fromtimestamp(second, UTC)


def to_second(moment: datetime | None) -> int | None:
    """An aware datetime as Unix seconds."""
    return None if moment is None else int(moment.timestamp())
