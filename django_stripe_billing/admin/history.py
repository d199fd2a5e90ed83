"""The drift of the last runs, which the page draws as a chart."""

from __future__ import annotations

from django.utils.functional import cached_property

from ..models import ReconcileRun
from .bases import ChangeList

MOST_RUNS = 60


class RunChangeList(ChangeList):
    """The list of runs, which knows the history of those that its filters leave."""

    @cached_property
    def history(self) -> list[ReconcileRun]:
        """The newest runs, oldest first; one query. Empty with fewer than make a history."""
        newest = list(self.queryset.order_by("-pk")[:MOST_RUNS])
        return newest[::-1] if len(newest) > 1 else []
