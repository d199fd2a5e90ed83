"""manage.py push_catalog: a plans file into Stripe."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...catalog import PlanFileError, push_catalog
from ...catalog.push import Line
from ...exceptions import BillingError


class Command(BaseCommand):
    help = "Makes Stripe's features, products and prices as a plans file (TOML) has them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="The plans file, for example plans.toml.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Show what would be written, and write nothing."
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Archive the prices and products that the file made once and names no more.",
        )
        parser.add_argument(
            "--no-sync",
            action="store_true",
            help="Do not mirror Stripe's catalog into the database afterwards.",
        )
        parser.add_argument("--account", default="", help="Act as this connected account (acct_…).")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            summary = push_catalog(
                options["file"],
                account=options["account"],
                is_dry_run=options["dry_run"],
                prune=options["prune"],
                is_synced=not options["no_sync"],
                tell=self._tell,
            )
        except PlanFileError as error:
            raise CommandError(f"{error}\nNothing was sent to Stripe.") from None
        except BillingError as error:
            raise CommandError(
                f"{error}\nThe push stopped here. Run it again when this is mended: what is done"
                " already is kept."
            ) from None
        self.stdout.write(_closing(summary.writes, summary.calls, options["dry_run"]))
        if summary.synced:
            self.stdout.write(f"Mirrored into the database: {summary.synced}.")

    def _tell(self, line: Line) -> None:
        row = f"{line.action:<9} {line.subject:<8} {line.key:<32} {line.note}"
        self.stdout.write(row.rstrip())


def _closing(writes: int, calls: int, is_dry_run: bool) -> str:
    if not writes:
        return f"Nothing to do: Stripe is as the file has it (0 writes, {calls} calls)."
    if is_dry_run:
        return f"Dry run: nothing was written; {writes} writes would be made."
    return f"Done: {writes} writes, {calls} calls."
