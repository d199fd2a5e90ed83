"""`manage.py reconcile_entitlements`: the nightly proof that both sides agree."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from ...reconcile import Drift, Report, reconcile


class Command(BaseCommand):
    help = (
        "Compares every subscription at Stripe with the database, both ways, and reports each"
        " difference. Changes nothing unless --apply is given. Exit code 0: both agree, or"
        " everything was repaired; 1: drift was found and not repaired; 2: an error, or not"
        " everything was compared. Run it from cron every night, with --apply once you trust it."
    )

    # Run in `handle`: a failed check must exit with 2, and Django would exit with 1.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--apply", action="store_true", help="Repair what differs; otherwise only report it."
        )
        parser.add_argument(
            "--format",
            choices=["table", "json"],
            default="table",
            help="json: one object with stable keys, for a script.",
        )
        parser.add_argument(
            "--customer", default="", metavar="cus_…", help="Compare one Stripe customer only."
        )
        parser.add_argument(
            "--allow-empty",
            action="store_true",
            help="Go on although Stripe lists no subscription at all and the database does.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if not options.get("skip_checks"):  # as call_command() asks
                self.check()
            report = self._run(options)
        except (DatabaseError, ImproperlyConfigured) as error:
            raise CommandError(f"{type(error).__name__}: {error}", returncode=2) from error
        except CommandError as error:
            raise CommandError(str(error), returncode=2) from None
        if options["format"] == "json":
            self.stdout.write(json.dumps(report.as_json(), indent=2))
        else:
            self._write_table(report)
        if report.exit_code:
            sys.exit(report.exit_code)

    def _run(self, options: dict[str, Any]) -> Report:
        customer = options["customer"]
        if customer and not customer.startswith("cus_"):
            raise CommandError(
                f"--customer takes the id of a Stripe customer, cus_…, not {customer!r}."
            )
        return reconcile(
            apply=options["apply"], customer_id=customer, allow_empty=options["allow_empty"]
        )

    def _write_table(self, report: Report) -> None:
        for entry in report.drift:
            self.stdout.write(_line(entry))
        for note, count in sorted(report.notes.items()):
            self.stdout.write(f"note: {note} ({count:,} times): it grants nothing here")
        for error in report.errors:
            self.stderr.write(self.style.ERROR(f"error: {error}"))
        if report.unrepaired and not report.applied:
            self.stdout.write("Run it again with --apply to repair this.")
        if not report.is_complete:
            self.stderr.write(self.style.ERROR("Incomplete: run it again."))
        self.stdout.write(report.summary)


def _line(entry: Drift) -> str:
    who = f"{entry.customer} {entry.subscriber}".strip() or "nobody"
    outcome = " [repaired]" if entry.repaired else f" [{entry.error}]" if entry.error else ""
    return (
        f"{entry.kind:<19} {entry.subscription} ({who})\n"
        f"{'':19} here:   {entry.here}\n"
        f"{'':19} Stripe: {entry.stripe}{outcome}"
    )
