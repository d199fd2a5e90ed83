"""What a run has found, read back from its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..models import Drift, ReconcileRun
from ..rules.drift_kinds import MEANINGS, Kind

UNKNOWN = "unknown "
"""The beginning of notes on what this version does not know."""

VERSION = 1
"""Of the JSON; docs/reconcile.schema.json describes it."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A run's outcome. Drift is read from the database each time, and never all held at once."""

    run: ReconcileRun
    fail_on: frozenset[Kind] = frozenset()
    """Only drift of these kinds makes the exit code 1; empty: any."""

    @property
    def drift(self) -> list[Drift]:
        """All drift, in the order in which it was found."""
        return list(self.each_drift())

    def each_drift(self) -> Iterator[Drift]:
        """The drift one by one, for reports of any size."""
        rows = Drift.objects.filter(run=self.run).exclude(state=Drift.State.GONE)
        return rows.order_by("pk").iterator(1000)

    @property
    def left(self) -> list[Drift]:
        """What still differs."""
        return [entry for entry in self.each_drift() if entry.is_left]

    @property
    def errors(self) -> list[str]:
        return list(self.run.errors)

    @property
    def notes(self) -> list[str]:
        """What is no drift and worth knowing, in sentences."""
        return [
            f"{note} ({count:,} times): it grants nothing here."
            if note.startswith(UNKNOWN)
            else note
            for note, count in sorted(self.run.notes.items())
        ]

    @property
    def exit_code(self) -> int:
        """0 clean or fully repaired, 1 drift left, 2 error or incomplete."""
        if not self.run.is_complete:
            return 2
        left = Drift.objects.filter(run=self.run, state__in=[Drift.State.FOUND, Drift.State.FAILED])
        if self.fail_on:
            left = left.filter(kind__in=self.fail_on)
        return 1 if left.exists() else 0

    @property
    def summary(self) -> str:
        """The last line: `0 drift, 10,000 subscriptions, 102 calls`."""
        run = self.run
        return (
            f"{run.drift_found:,} drift,"
            f" {run.listed:,} subscription{'' if run.listed == 1 else 's'},"
            f" {run.calls:,} call{'' if run.calls == 1 else 's'}"
        )

    def head(self) -> dict[str, Any]:
        """The run as plain data with stable keys, without its drift."""
        run = self.run
        return {
            "version": VERSION,
            "run": run.pk,
            "account": run.account,
            "livemode": run.livemode,
            "applied": run.is_applying,
            "complete": run.is_complete,
            "started_at": run.started_at.isoformat(),
            "seconds": round(run.seconds, 3),
            "subscriptions": run.listed,
            "compared": run.compared,
            "calls": run.calls,
            "changes": run.changes,
            "drift_found": run.drift_found,
            "drift_left": run.drift_left,
            "notes": run.notes,
            "errors": run.errors,
            "exit_code": self.exit_code,
        }


def drift_data(entry: Drift) -> dict[str, Any]:
    """One difference as plain data with stable keys."""
    meaning = MEANINGS[Kind(entry.kind)]
    return {
        "kind": entry.kind,
        "sentence": meaning.sentence,
        "object": entry.object_id,
        "subject": entry.subject,
        "customer": entry.customer_id,
        "subscriber": entry.subscriber,
        "here": entry.here,
        "stripe": entry.stripe,
        "amount": entry.amount,
        "currency": entry.currency,
        "state": entry.state,
        "repair": meaning.repair,
        "advice": meaning.advice,
        "error": entry.error,
    }
